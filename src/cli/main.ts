#!/usr/bin/env node
/**
 * The command `vkrun`. Loading all that it needs takes about as long as starting a thread for the guest, so that one is started first
 * wherever there will be a guest.
 */
import { prepareThread } from "../api/vkernel-thread.js";
import { lowerCompilerThreads } from "./compiler-threads.js";
import { runsGuest } from "./subcommands.js";

lowerCompilerThreads();
// What goes wrong with it is told when it is wanted.
if (runsGuest(process.argv.slice(2))) prepareThread().catch(() => undefined);
const { runProgram } = await import("./program.js");
await runProgram();
// What else could keep the process is a stdin that nobody reads any more.
process.exit();
