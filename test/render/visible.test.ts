import fc from "fast-check";
import { expect, test } from "vitest";
import { visible, visibleJson } from "../../src/core/render/visible.js";

const STEERS = ["\u007f", "\u0085", "\u009b", "\u00ad", "\u061c", "\u200b", "\u200f", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800", "\u001b", "\u0000"];
const anyText = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...STEERS, "\n", "\t", "\\", '"'))).map((parts) => parts.join(""));

test("JSON that steers no terminal is the same value", () => {
  fc.assert(fc.property(fc.array(fc.record({ name: anyText, more: fc.array(anyText) })), fc.constantFrom(undefined, 2), (value, indent) => {
    const text = visibleJson(value, indent);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.split("\n").map(visible).join("\n")).toBe(text);
    if (indent === undefined) expect(text).not.toContain("\n");
  }));
});

test.each(STEERS)("%j is escaped", (char) => {
  expect(visibleJson({ [char]: `a${char}b` })).toBe(`{"\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}":"a\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}b"}`);
});
