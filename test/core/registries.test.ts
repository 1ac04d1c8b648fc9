import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { registries } from "../../scripts/registries.js";

test.each([...registries(".")])("%s is what `npm run generate` writes", (path, text) => {
  expect(readFileSync(path, "utf8")).toBe(text);
});
