import { describe, expect, test } from "vitest";
import { lintAll, textFiles } from "./project-files.js";

const HOSTS = "xen:\n  hosts: { dom0a: }\n";

function findingsIn(playbook: string, hosts = HOSTS): { found: string[]; silenced: number } {
  const { findings, silenced } = lintAll(textFiles({ "hosts.yml": hosts, "web.yml": playbook }));
  return { found: findings.map(({ code, at }) => `${code} ${at?.source.file ?? ""}`), silenced };
}

function sized(before: string, behind: string): string {
  return `- hosts: xen\n  domains:\n    web1:\n      disks:\n        xvda1:\n          volume: vg0/web1\n${before}          size: 5MiB${behind}\n`;
}

describe("a comment silences", () => {
  test("what is found on its line", () => {
    expect(findingsIn(sized("", " # converge-lint-ignore rounded-size: for a test"))).toEqual({ found: [], silenced: 1 });
  });

  test("what is found on the next line that says something, where it stands alone", () => {
    const comments = "          # converge-lint-ignore rounded-size: for a test\n\n          # and more\n";
    expect(findingsIn(sized(comments, ""))).toEqual({ found: [], silenced: 1 });
  });

  test("several rules at once", () => {
    const text = "- hosts: xen\n  vars: { spare: '{{ nothing }}' } # converge-lint-ignore unused-variable, undefined-reference: later\n  domains: {}\n";
    expect(findingsIn(text)).toEqual({ found: [], silenced: 2 });
  });

  test("in an inventory of INI, with either mark", () => {
    const ini = "[xen]\n; converge-lint-ignore shared-address: on purpose\ndom0a ansible_host=192.0.2.1\ndom0b ansible_host=192.0.2.1 # converge-lint-ignore shared-address: on purpose\n";
    const { findings, silenced } = lintAll(textFiles({ "hosts.ini": ini }));
    expect(findings.map(({ code, at }) => `${code} ${at?.start ?? ""}`)).toEqual(["silence-unused 6"]);
    expect(silenced).toBe(1);
  });

  test("nothing of another line, another rule, or what reading refuses", () => {
    expect(findingsIn(sized("          # converge-lint-ignore group-tie: no\n", "")).found)
      .toEqual(["silence-unused web.yml", "rounded-size web.yml"]);
    expect(findingsIn("- hosts: xen\n  sereal: 1 # converge-lint-ignore yaml-syntax: no\n").found)
      .toEqual(["unknown-key web.yml", "unknown-rule web.yml"]);
  });

  test("nothing where it is a text", () => {
    const text = "- hosts: xen\n  name: \"# converge-lint-ignore unmatched-hosts: x\"\n  domains: {}\n";
    expect(findingsIn(text)).toEqual({ found: [], silenced: 0 });
  });
});

test("what is silenced in one file counts in another", () => {
  const of = (name: string, behind: string): string => `${name}:\n  hosts:\n    ${name}0: { ansible_prot: 22 }${behind}\n`;
  const { findings, silenced } = lintAll(textFiles({ "a.yml": of("a", " # converge-lint-ignore unread-connection: another's"), "b.yml": of("b", "") }));
  expect(findings.map(({ code, at }) => `${code} ${at?.source.file ?? ""}`)).toEqual(["unread-connection b.yml"]);
  expect(silenced).toBe(1);
});

describe("what is wrong with a comment is said", () => {
  test.each([
    [" # converge-lint-ignore rounded-size", ["silence-without-reason web.yml"]],
    [" # converge-lint-ignore rounded-size:", ["silence-without-reason web.yml"]],
    [" # converge-lint-ignore", ["rounded-size web.yml", "silence-form web.yml"]],
    [" # converge-lint-ignore: everything", ["rounded-size web.yml", "silence-form web.yml"]],
    [" # converge-lint-ignore round-size: slip", ["rounded-size web.yml", "unknown-rule web.yml"]],
  ])("%s", (comment, found) => {
    expect(findingsIn(sized("", comment)).found).toEqual(found);
  });

  test("that it silences nothing, but only where every file could be read", () => {
    const useless = " # converge-lint-ignore group-tie: x";
    const text = `- hosts: xen${useless}\n  domains: {}\n`;
    expect(findingsIn(text).found).toEqual(["silence-unused web.yml"]);
    expect(findingsIn(`${text}  nosuch: 1\n`).found).toEqual(["unknown-key web.yml"]);
  });
});
