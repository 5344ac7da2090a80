/** How long each thing is measured. */

export type Mode = "quick" | "default" | "full";

export interface Effort {
  /** Each form of a case, until V8 has compiled what is worth it. */
  readonly warmUpMs: number;
  /** Turns of either form, and how long one is. */
  readonly rounds: number;
  readonly sampleMs: number;
  /** Fresh processes of either form, and calls in each. */
  readonly coldRuns: number;
  readonly coldCalls: number;
  /** Of the whole machine, with either form. */
  readonly boots: number;
  readonly throughput: boolean;
}

export const EFFORTS: Readonly<Record<Mode, Effort>> = {
  quick: { warmUpMs: 20, rounds: 2, sampleMs: 12, coldRuns: 1, coldCalls: 400, boots: 0, throughput: false },
  default: { warmUpMs: 60, rounds: 3, sampleMs: 45, coldRuns: 3, coldCalls: 1000, boots: 2, throughput: false },
  full: { warmUpMs: 300, rounds: 10, sampleMs: 100, coldRuns: 9, coldCalls: 3000, boots: 5, throughput: true },
};
