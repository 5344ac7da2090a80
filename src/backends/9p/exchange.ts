import { MessageReader, MessageWriter } from "./codec.js";
import { LinuxError } from "./linux-error.js";
import { HEADER_LENGTH } from "./protocol.js";
import type { Session } from "./session.js";
import type { SharedFolder } from "./shared-folder.js";
import { qid, type Status } from "./status.js";

/** One request, and what its reply is made with. */
export class Exchange {
  readonly request: MessageReader;
  readonly #type: number;
  readonly #tag: number;

  constructor(
    readonly session: Session,
    message: Uint8Array,
    type: number,
    tag: number,
    /** The longest reply that there is room for. */
    readonly room: number,
  ) {
    this.request = new MessageReader(message);
    this.#type = type;
    this.#tag = tag;
  }

  get folder(): SharedFolder {
    return this.session.folder;
  }

  /** A reply with up to `capacity` bytes behind its header. */
  reply(capacity = 0): MessageWriter {
    return new MessageWriter(this.#type + 1, this.#tag, capacity);
  }

  /** How much of `wanted` fits a reply that holds `fields` bytes besides. */
  fitting(wanted: number, fields: number): number {
    const room = Math.min(this.room, this.session.messageSize) - HEADER_LENGTH - fields;
    if (room < 0) throw new LinuxError("EMSGSIZE");
    return Math.min(wanted, room);
  }

  qid(status: Status): Uint8Array {
    return qid(status, this.folder.rootStatus.dev);
  }

  /** Before anything is changed. */
  requireWritable(): void {
    if (this.folder.readOnly) throw new LinuxError("EROFS");
  }
}

export type Handler = (exchange: Exchange) => Promise<MessageWriter>;
