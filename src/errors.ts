/** Every code that vkrun can fail with. Codes are stable: programs may match on them. */
export type VkrunErrorCode = `ERR_VKRUN_${string}`;

export interface VkrunErrorOptions extends ErrorOptions {
  /** What the user can do about it, one sentence. Printed on a line of its own by the CLI. */
  hint?: string;
}

/**
 * The base of all errors that vkrun raises on purpose. `code` is stable, `message` says what was wrong,
 * `hint` says what to do. Anything else that escapes is a bug in vkrun.
 */
export class VkrunError extends Error {
  override readonly name: string = "VkrunError";
  readonly hint: string | undefined;

  constructor(
    readonly code: VkrunErrorCode,
    message: string,
    options: VkrunErrorOptions = {},
  ) {
    super(message, options);
    this.hint = options.hint;
  }
}
