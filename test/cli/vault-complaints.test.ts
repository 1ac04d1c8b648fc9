import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../support/temp-folder.js";
import { VAULT_PASSWORD, vaulted } from "../support/vault.js";
import { cli } from "./in-process.js";

/** Values that were decrypted, and do not fit where a playbook or a connection needs them: told, and never shown. */

const HOSTS = "xen: { hosts: { dom0a: } }\n";
const playbook = (disk: string, domain = ""): string => `- hosts: xen\n  domains:\n    web1:\n      disks: { xvda1: { volume: vg0/web1, ${disk} } }\n${domain}`;

interface Told {
  readonly exit: number;
  readonly all: string;
}

async function told(files: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<Told> {
  const dir = tempFolder("vault-complaints");
  for (const [path, text] of Object.entries({ "hosts.yml": HOSTS, "pass": VAULT_PASSWORD, ...files })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const at = (word: string): string => word.replace("DIR", dir);
  const open = ["-i", join(dir, "hosts.yml"), "--vault-password-file", join(dir, "pass"), ...argv.map(at)];
  const runs = [
    await cli([...open, join(dir, "web.yml"), "--check"]), await cli([...open, join(dir, "web.yml"), "--check", "--json"]),
    await cli(["lint", ...open, dir]),
  ];
  return { exit: Math.min(...runs.map(({ exit }) => exit)), all: runs.map(({ out, err }) => out + err).join("\n").replaceAll(dir, "DIR") };
}

/** As a file of variables that is vaulted as a whole, and as one vaulted value. */
const FORMS: readonly (readonly [string, (name: string, value: string) => string])[] = [
  ["a vaulted file", (name, value) => vaulted(`${name}: ${JSON.stringify(value)}\n`)],
  ["a vaulted value", (name, value) => `${name}: !vault |\n${vaulted(value).replace(/^/gm, "  ")}\n`],
];

describe.each(FORMS)("from %s", (_form, vault) => {
  test.each<[string, string, string, readonly string[]]>([
    ["a size", playbook("size: '{{ secret }}'"), "swordfish", ["wrong-form", "'size' must be a size", "For example size: "]],
    ["a size without a unit", playbook("size: '{{ secret }}'"), "73591", ["wrong-form"]],
    ["a size that no disk has", playbook("size: '{{ secret }}'"), "73591999999999TiB", ["out-of-range", "'size'"]],
    ["a part of a size", playbook("size: '{{ secret }}GiB of room'"), "73591", ["wrong-form"]],
    ["a file system", playbook("size: 1GiB, filesystem: '{{ secret }}'"), "swordfish", ["not-permitted", "Permitted: "]],
    ["a number, by a filter", playbook("size: 1GiB", "      ready: { tcp: '{{ secret | int }}' }\n"), "swordfish", ["template-failed", "is no whole number"]],
    ["a number that is too large", playbook("size: 1GiB", "      ready: { tcp: '{{ secret | int }}' }\n"), "73591", ["out-of-range", "1 to 65535"]],
    ["a text for a number", playbook("size: 1GiB", "      ready: { tcp: '{{ secret }}' }\n"), "73591", ["wrong-type", "a whole number"]],
    ["a map of them", playbook("size: { of: '{{ secret }}' }"), "swordfish", ["wrong-type", "'size' is a map"]],
    ["a window", playbook("size: 1GiB", "      move: { finish: window, window: '{{ secret }}' }\n"), "Swordfish 07:35-09:10", ["wrong-form", "'window'"]],
    ["a rate in bits", playbook("size: 1GiB", "      move: { throttle: { bandwidth: '{{ secret }}' } }\n"), "73591Mb/s", ["wrong-form", "'bandwidth'"]],
    ["a volume", playbook("size: 1GiB").replace("vg0/web1", "'{{ secret }}'"), "sword fish", ["volume-name"]],
    ["the key of a variable", playbook("size: '{{ inventory_hostname[secret] }}'"), "swordfish", ["undefined-variable"]],
    ["a command", playbook("size: 1GiB", "      ready: { command: '{{ secret }}' }\n"), "login swordfish '", ["ready-command"]],
  ])("%s is not shown", async (_what, web, secret, says) => {
    const { exit, all } = await told({ "web.yml": web, "group_vars/xen.yml": vault("secret", secret) });
    expect(exit, all).toBe(1);
    for (const word of says) expect(all.replace(/\n[ =]+/g, " ")).toContain(word);
    for (const part of secret.match(/[a-z]{5,}|[0-9:]{5,}/gi) ?? []) expect(all).not.toContain(part);
  });

  test.each([
    ["ansible_connection", "swordfish"], ["ansible_user", "-swordfish"], ["ansible_host", "sword swordfish"],
    ["ansible_become_method", "swordfish"],
  ])("%s is not shown", async (name, secret) => {
    const { exit, all } = await told({
      "web.yml": playbook("size: 1GiB"), "group_vars/xen.yml": vault(name, secret),
      "hosts.yml": "xen: { hosts: { dom0a: { ansible_become: true } } }\n",
    });
    expect(exit, all).toBe(1);
    expect(all).not.toContain("swordfish");
  });

  test("what a variable makes of another is not shown either", async () => {
    const made = { "group_vars/all.yml": "size: '{{ secret | upper }}'\n", "group_vars/xen.yml": vault("secret", "swordfish") };
    const { exit, all } = await told({ "web.yml": playbook("size: '{{ size }}'"), ...made });
    expect(exit, all).toBe(1);
    expect(all.toLowerCase()).not.toContain("swordfish");
  });
});

test("a template in a vaulted file is not shown where it can not be filled in", async () => {
  for (const template of ["{{ sword fish }}", "{{ swordfish }}", "{% swordfish", "{{ 'swordfish' | int }}", "{{ x | swordfish }}"]) {
    const { exit, all } = await told({ "web.yml": playbook("size: '{{ secret }}'"), "group_vars/xen.yml": vaulted(`secret: ${JSON.stringify(template)}\n`) });
    expect(exit, all).toBe(1);
    expect(all).not.toMatch(/sword|fish/);
  }
});

test("a vaulted file of -e is as one of the inventory, for the lines of the play too", async () => {
  const { exit, all } = await told({
    "web.yml": playbook("size: '{{ secret }}'").replace("hosts: xen", "hosts: '{{ who }}'"), "extra.yml": vaulted("{ secret: swordfish, who: 'marlin' }\n"),
  }, "-e", "@DIR/extra.yml");
  expect(exit, all).toBe(1);
  expect(all).not.toMatch(/swordfish|marlin/);
});

test("what was not decrypted is shown as ever, and so are keys and names", async () => {
  const { all } = await told({
    "web.yml": playbook("size: '{{ open }}'"), "group_vars/xen.yml": vaulted("secret: size\n"), "group_vars/all.yml": "open: swordfish\n",
  });
  expect(all).toContain("'size' must be a size, and 'swordfish' is not");
});
