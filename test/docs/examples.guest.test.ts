import { describe } from "vitest";
import { blocksOf, documents } from "./blocks.js";
import { runs, testBlocks } from "./run-block.js";

const booting = documents().filter((file) => blocksOf(file).some(({ words }) => words.has("boot")));

describe.each(booting)("%s", (file) => testBlocks(blocksOf(file).filter(runs)));
