import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Connection } from "../../src/core/inventory/connection.js";
import { shellWords } from "../../src/core/load/shell-words.js";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** The command that follows a run again is one that can be pasted: with it the host is reached as it was by the one that printed it. */

const files = tempFiles({
  "plain.yml": "all: { hosts: { dom0a: } }\n",
  "full.yml": `all:
  hosts:
    dom0a: { ansible_host: 192.0.2.7, ansible_port: 2222, ansible_user: jk, ansible_ssh_common_args: "-J jump", ansible_ssh_extra_args: "-4", ansible_become: true, ansible_become_pass: known }
`,
  "older.yml": "all: { hosts: { dom0a: { ansible_host: 192.0.2.1, ansible_ssh_host: 192.0.2.2, ansible_ssh_user: jk, ansible_port: 22 } } }\n",
  "templates.yml": "all: { hosts: { dom0a: { ansible_host: \"{{ net }}.7\", ansible_become_method: \"{{ how }}\", ansible_become: true } } }\n",
  "vars.yml": "ansible_port: 2200\nansible_become_pass: from-a-file\n",
  "pass": "open sesame\n",
  "web.yml": "- hosts: dom0a\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1 } }, move: { strategy: rsync } } }\n",
});
const beside = join(files.dir, "playbooks");
mkdirSync(join(beside, "group_vars"), { recursive: true });
writeFileSync(join(beside, "group_vars", "all.yml"), "ansible_user: of-the-playbook\nansible_ssh_private_key_file: ~/.ssh/xen\n");
writeFileSync(join(beside, "web.yml"), "- hosts: dom0a\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1 } }, move: { strategy: rsync } } }\n");

const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);

interface Ran {
  readonly exit: number;
  readonly text: string;
  readonly connection: Connection | undefined;
}

/** Runs a command whose connection to the host is lost for good, or that finds a run that died. */
async function run(argv: readonly string[], typed?: string, script: ConstructorParameters<typeof FakeHost>[1] = LOST): Promise<Ran> {
  let connection: Connection | undefined;
  const { exit, out, err } = await cli(argv, {
    hosts: { dom0a: new FakeHost("dom0a", script) }, states: () => state, onOpen: (_name, opened) => { connection = opened; },
    ...(typed === undefined ? {} : { typed }),
  });
  return { exit, text: out + err, connection };
}

const LOST = {
  events: [
    { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" },
    { event: "step", id: "a", kind: "copy-files", phase: "prepare", title: "Copy the files" },
    { event: "end", outcome: "done", message: "" },
  ],
  breaksAfter: Array.from({ length: 30 }, () => 1),
} as const;

/** The words of the command that a text tells, pasted into a shell. */
function told(text: string, command: string): readonly string[] {
  const from = text.indexOf(`converge ${command} `);
  expect(from, text).not.toBe(-1);
  // a backslash at the end of a line joins the two
  const [line = ""] = text.slice(from).replace(/ \\\n\s*/g, " ").split("\n");
  const split = shellWords(line);
  if (!("words" in split)) throw new Error(split.problem);
  return split.words.slice(1).map((word) => word.text);
}

const PLAIN = ["-i", files["plain.yml"]];
const SECRETS = /hunter2|from-a-file|known\b|s3cret|sesame/;

describe("the command that follows a run again reaches the host in the same way", () => {
  test.each<{ what: string; options: readonly string[]; says: readonly string[]; playbook?: string; typed?: string }>([
    { what: "with an inventory alone", options: PLAIN, says: PLAIN },
    { what: "with -u and -b", options: [...PLAIN, "-u", "root", "-b"], says: [...PLAIN, "-u", "root", "-b"] },
    { what: "with -K", options: [...PLAIN, "-b", "-K"], says: [...PLAIN, "-b", "-K"], typed: "s3cret\n" },
    {
      what: "with vaults", options: [...PLAIN, "--vault-password-file", files.pass, "--vault-id", `x@${files.pass}`],
      says: [...PLAIN, "--vault-password-file", files.pass, "--vault-id", `x@${files.pass}`],
    },
    {
      what: "with what -e means for the connection, and nothing else of it",
      options: [...PLAIN, "-e", "ansible_host=192.0.2.9 db_admin=hunter2", "-e", '{"ansible_port": 2222}'],
      says: [...PLAIN, "-e", "ansible_host=192.0.2.9 ansible_port=2222"],
    },
    {
      what: "with what is unset by -e", options: ["-i", files["full.yml"], "-e", "ansible_port= ansible_become=no"],
      says: ["-i", files["full.yml"], "-e", "ansible_port= ansible_ssh_port= ansible_become=false"],
    },
    {
      what: "where older names for the same are stronger than those that it tells",
      options: ["-i", files["older.yml"], "-e", "ansible_ssh_host=192.0.2.9 ansible_ssh_user=root"],
      says: ["-i", files["older.yml"], "-e", "ansible_host=192.0.2.9 ansible_user=root ansible_ssh_host= ansible_ssh_user="],
    },
    {
      what: "with other arguments for ssh", options: ["-i", files["full.yml"], "-e", "ansible_ssh_common_args='-o \"ProxyCommand=a b\"'"],
      says: ["-i", files["full.yml"], "-e", '{"ansible_ssh_common_args":"-o \'ProxyCommand=a b\' -4","ansible_ssh_extra_args":""}'],
    },
    { what: "with a file of variables", options: [...PLAIN, "-b", "-e", `@${files["vars.yml"]}`], says: [...PLAIN, "-e", `@${files["vars.yml"]}`, "-b"] },
    {
      what: "with a password of -e asked for", options: [...PLAIN, "-e", "ansible_become=yes ansible_become_pass=hunter2"],
      says: [...PLAIN, "-e", "ansible_become=true", "-K"],
    },
    {
      what: "with templates that -e fills in", options: ["-i", files["templates.yml"], "-e", "net=192.0.2 how=sudo"],
      says: [
        "-i", files["templates.yml"], "-e",
        "ansible_connection=ssh ansible_host=192.0.2.7 ansible_become=true ansible_become_method=sudo ansible_become_user=root",
      ],
    },
    {
      what: "with what lies beside the playbook", options: PLAIN, playbook: join(beside, "web.yml"),
      says: [...PLAIN, "-e", '{"ansible_user":"of-the-playbook","ansible_ssh_private_key_file":"~/.ssh/xen"}'],
    },
  ])("$what", async ({ options, says, playbook = files["web.yml"], typed }) => {
    const first = await run([...options, playbook, "--yes"], typed);
    const words = told(first.text, "attach");
    expect(words).toEqual(["attach", ...says, "dom0a", "web1"]);
    expect(words.join(" ")).not.toMatch(SECRETS);
    // what is typed at -K is the password that was not told
    const again = await run(words, words.includes("-K") ? typed ?? "hunter2\n" : undefined);
    expect(again.connection).toEqual(first.connection);
    // and so does what that one tells
    expect(told(again.text, "attach")).toEqual(words);
  });

  test("after a saved plan, which needed no inventory", async () => {
    const plan = join(files.dir, "plan.json");
    const direct = ["-e", "ansible_host=192.0.2.9 ansible_user=jk ansible_ssh_common_args='-o ServerAliveInterval=5'", "-b"];
    await run(["--check", "--out", plan, ...PLAIN, ...direct, files["web.yml"]]);
    const first = await run(["apply", plan, "-K"], "s3cret\n");
    const words = told(first.text, "attach");
    expect(words).toEqual([
      "attach", "-i", "dom0a,", "-e",
      '{"ansible_host":"192.0.2.9","ansible_user":"jk","ansible_ssh_common_args":"-o ServerAliveInterval=5","ansible_become":"true"}', "-K", "dom0a", "web1",
    ]);
    expect((await run(words, "s3cret\n")).connection).toEqual(first.connection);
    const byInventory = await run(["apply", plan, "-i", files["full.yml"]]);
    expect(told(byInventory.text, "attach")).toEqual(["attach", "-i", files["full.yml"], "dom0a", "web1"]);
  });

  test("after an inventory that can be read only once", async () => {
    const words = told((await run(["-i", "/dev/fd/9,dom0a", "-u", "jk", files["web.yml"], "--yes"])).text, "attach");
    expect(words).toEqual(["attach", "-i", "dom0a,", "-e", "ansible_user=jk", "dom0a", "web1"]);
  });

  test("and so do resume, and where there is no run, status", async () => {
    const options = [...PLAIN, "-u", "root", "-b"];
    const died = await run(["attach", ...options, "dom0a", "web1"], undefined, { events: LOST.events.slice(0, 1) });
    expect(told(died.text, "resume")).toEqual(["resume", ...options, "dom0a", "web1"]);
    const none = await run(["resume", ...options, "dom0a", "web1", "--yes"]);
    expect(none.text).toContain("error[no-run]");
    expect(told(none.text.replace(/\n +/g, " "), "status")).toEqual(["status", ...options, "dom0a"]);
  });
});
