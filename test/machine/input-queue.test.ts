import { describe, expect, it } from "vitest";
import { InputQueue } from "../../src/machine/input-queue.js";

const nothing = () => {};

describe("InputQueue", () => {
  it("keeps events in the order of arrival, and tells of each", () => {
    let posts = 0;
    const queue = new InputQueue(() => posts++);
    queue.post("a", nothing);
    queue.post("b", nothing, Uint8Array.of(1));
    expect(posts).toBe(2);
    expect(queue.takeAll().map(({ label, payload }) => [label, payload])).toEqual([
      ["a", undefined],
      ["b", Uint8Array.of(1)],
    ]);
    expect(queue.isEmpty).toBe(true);
  });

  it("leaves what is posted while events are applied for the next time", () => {
    const queue = new InputQueue(nothing);
    queue.post("a", () => queue.post("b", nothing));
    for (const { apply } of queue.takeAll()) apply();
    expect(queue.takeAll().map(({ label }) => label)).toEqual(["b"]);
  });

  it("takes the oldest event of a label, and no other", () => {
    const queue = new InputQueue(nothing);
    queue.post("a", nothing, Uint8Array.of(1));
    queue.post("b", nothing, Uint8Array.of(2));
    queue.post("a", nothing, Uint8Array.of(3));
    expect(queue.take("a")?.payload).toEqual(Uint8Array.of(1));
    expect(queue.take("c")).toBeUndefined();
    expect(queue.takeAll().map(({ payload }) => payload?.[0])).toEqual([2, 3]);
  });

  it("drops what is posted to a machine that is gone, and still shows what had been", () => {
    let posts = 0;
    const queue = new InputQueue(() => posts++);
    queue.post("uart0:input:0", nothing, Uint8Array.of(1));
    queue.post("vda:3", nothing, Uint8Array.of(2));
    queue.close();
    queue.post("uart0:input:1", nothing, Uint8Array.of(3));
    expect(posts).toBe(2);
    expect(queue.payloads("uart0:input:")).toEqual([Uint8Array.of(1)]);
  });
});
