import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sha256 } from "../../src/core/facts/sha256.js";

test("the hash is node's own, around every length at which a block is filled", () => {
  for (let length = 0; length < 200; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length) % 256);
    expect(sha256(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
});
