// A host on the other end of a guest's cable that is there and answers pings, and does nothing else.

const ETHERTYPE = 12;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
/** Where an Ethernet frame's payload begins. */
const PAYLOAD = 14;

/** RFC 826, packet format: offsets from the beginning of the frame, for Ethernet and IPv4. */
const Arp = { OPERATION: 20, SENDER_MAC: 22, SENDER_IP: 28, TARGET_MAC: 32, TARGET_IP: 38, LENGTH: 42 } as const;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;

/** RFC 791, 3.1. */
const Ip = { PROTOCOL: 23, SOURCE: 26, DESTINATION: 30 } as const;
const PROTOCOL_ICMP = 1;
const ICMP_ECHO = 8;
const ICMP_ECHO_REPLY = 0;

export class PingHost {
  readonly #mac: Uint8Array;
  readonly #ip: Uint8Array;

  constructor(mac: readonly number[], ip: readonly number[]) {
    this.#mac = Uint8Array.from(mac);
    this.#ip = Uint8Array.from(ip);
  }

  /** What the host sends on receiving `frame`. */
  answer(frame: Uint8Array): Uint8Array | undefined {
    const type = new DataView(frame.buffer, frame.byteOffset).getUint16(ETHERTYPE);
    if (type === TYPE_ARP) return this.#answerArp(frame);
    return type === TYPE_IPV4 ? this.#answerEcho(frame) : undefined;
  }

  #answerArp(frame: Uint8Array): Uint8Array | undefined {
    const reply = this.#replyTo(frame.subarray(0, Arp.LENGTH));
    const fields = new DataView(reply.buffer);
    if (fields.getUint16(Arp.OPERATION) !== ARP_REQUEST || !this.#isOurs(frame, Arp.TARGET_IP)) return undefined;
    fields.setUint16(Arp.OPERATION, ARP_REPLY);
    reply.copyWithin(Arp.TARGET_MAC, Arp.SENDER_MAC, Arp.TARGET_MAC);
    reply.set(this.#mac, Arp.SENDER_MAC);
    reply.set(this.#ip, Arp.SENDER_IP);
    return reply;
  }

  #answerEcho(frame: Uint8Array): Uint8Array | undefined {
    if (frame[Ip.PROTOCOL] !== PROTOCOL_ICMP || !this.#isOurs(frame, Ip.DESTINATION)) return undefined;
    const icmp = PAYLOAD + ((frame[PAYLOAD] ?? 0) & 0xf) * 4;
    if (frame[icmp] !== ICMP_ECHO) return undefined;
    const reply = this.#replyTo(frame);
    // The header's checksum does not notice: it is a sum, and the addresses are still both in it.
    reply.set(frame.subarray(Ip.SOURCE, Ip.SOURCE + 4), Ip.DESTINATION);
    reply.set(this.#ip, Ip.SOURCE);
    reply[icmp] = ICMP_ECHO_REPLY;
    // The message is less by the type in the upper half of its first word, so its complement is more (RFC 1624).
    const fields = new DataView(reply.buffer);
    const checksum = fields.getUint16(icmp + 2) + (ICMP_ECHO << 8);
    fields.setUint16(icmp + 2, (checksum & 0xffff) + (checksum >> 16));
    return reply;
  }

  #replyTo(frame: Uint8Array): Uint8Array<ArrayBuffer> {
    const reply = new Uint8Array(frame);
    reply.copyWithin(0, 6, ETHERTYPE);
    reply.set(this.#mac, 6);
    return reply;
  }

  #isOurs(frame: Uint8Array, at: number): boolean {
    return this.#ip.every((byte, i) => frame[at + i] === byte);
  }
}
