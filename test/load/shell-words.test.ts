import { expect, test } from "vitest";
import { shellWords } from "../../src/core/load/shell-words.js";

test.each<[string, readonly string[] | undefined]>([
  ["", []],
  ["  -o  A=b\t-v\n", ["-o", "A=b", "-v"]],
  [`-o 'ProxyCommand=ssh -W %h:%p "x y"'`, ["-o", `ProxyCommand=ssh -W %h:%p "x y"`]],
  [`-o "a\\"b\\c" ''`, ["-o", `a"b\\c`, ""]],
  [`a\\ b`, ["a b"]],
  [`a'b'"c"d`, ["abcd"]],
  [`'open`, undefined],
])("words of %s", (text, words) => {
  const split = shellWords(text);
  expect("words" in split ? split.words.map((word) => word.text) : undefined).toEqual(words);
});
