// @ts-check
// node bench/lock-tools.mjs: pins the packages of bench/guest/tools.json to what the archive has today, as `vkrun image
// lock` does for vkrun's own images.
import { lockImage } from "../dist/images/index.js";
import { RECIPES } from "./images.mjs";

const { path, lock } = await lockImage("tools", { guestDirectory: RECIPES });
console.log(`${path}: ${lock.packages.length} packages${lock.index.signed ? "" : " (from an unsigned index)"}`);
