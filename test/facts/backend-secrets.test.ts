import { expect, test } from "vitest";
import { fact } from "../../src/core/facts/xenstore-backends.js";

test("a recording holds no password of the address that a disk is at", () => {
  const stdout = [
    '/local/domain/0/backend/qdisk/1/5632/params = "raw:https://me:hush@store/a.iso"',
    '/local/domain/0/backend/qdisk/1/51712/params = "raw:rbd:pool/web1:id=admin:key=AQhush==:conf=/etc/c"', "",
  ].join("\n");
  const redacted = fact.redact?.({ exitCode: 0, stdout, stderr: "" });
  expect(redacted?.stdout).not.toContain("hush");
  expect(redacted?.stdout.split("\n")).toHaveLength(3);
});
