import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { observe } from "../../src/core/observe/observe.js";
import { readRecording } from "../../src/core/facts/recording.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readSavedPlan, writeSavedPlan } from "../../src/core/plan/saved.js";
import { readSavedWish } from "../../src/core/plan/saved-wish.js";
import { canonicalJson } from "../../src/core/plan/canonical-json.js";
import { formatInstant } from "../../src/core/render/figures.js";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import { cli } from "../cli/in-process.js";
import { tempFiles } from "../cli/lab-files.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { STEERING } from "./names.js";

/** Files that somebody has had in their hands: saved plans, recorded facts, and what lies in a host's books. */

const state = aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]);
const wish = aWish("web1", ["xvda1", "xvda2"], { strategy: "rsync", source: "retire" });
const saved = writeSavedPlan({
  tool: "test", playbooks: ["web.yml"], batches: [{ hosts: ["dom0a"], maxFailPercent: 0 }],
  hosts: [{ host: "dom0a", connection: { kind: "local", address: "dom0a", sshArguments: [] }, history: [], desired: [wish], domains: planHost(state, [wish], sha256).domains }],
}, sha256);
const recorded = readFileSync(new URL("../observe/recorded/lab-web1-running.json", import.meta.url), "utf8");

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is put in the place of a value. */
const PLANTED: readonly Json[] = [null, true, -1, 1e308, "", "$(touch pwned)", "-rf", "../../etc/passwd", [], [[]], {}, { __proto__: null, constructor: "x" }, "\u001b[2J", "x".repeat(5_000)];

/** Every place of a value, as a path; of long lists the first and the last. */
function placesOf(value: Json, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: readonly (readonly [string | number, Json])[] = Array.isArray(value)
    ? [...value.entries()].filter(([i]) => i < 2 || i === value.length - 1) : Object.entries(value);
  return [path, ...entries.flatMap(([key, below]) => placesOf(below, [...path, key]))];
}

function planted(value: Json, path: readonly (string | number)[], put: Json | undefined): Json | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return put;
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    return list.flatMap((one, i) => (i === key ? (planted(one, rest, put) ?? []) : [one]));
  }
  const entries = Object.entries(value as Record<string, Json>);
  return Object.fromEntries(entries.flatMap(([name, one]) => {
    const below = name === key ? planted(one, rest, put) : one;
    return below === undefined ? [] : [[name, below]];
  }));
}

describe("a saved plan", () => {
  const whole = JSON.parse(saved) as Json;

  test("is read as it was written", () => {
    expect(readSavedPlan({ file: "plan.json", text: saved }, "test", sha256).diagnostics).toEqual([]);
  });

  test("with any one value changed or left out is refused, whatever was put there", () => {
    const places = placesOf(whole).filter((path) => path.length > 0);
    expect(places.length).toBeGreaterThan(100);
    places.forEach((path, i) => {
      for (const put of [undefined, PLANTED[i % PLANTED.length]]) {
        const changed = planted(whole, path, put);
        if (canonicalJson(changed) === canonicalJson(whole)) continue;
        const { value, diagnostics } = readSavedPlan({ file: "plan.json", text: JSON.stringify(changed) }, "test", sha256);
        expect(value, path.join(".")).toBeUndefined();
        expect(diagnostics.map(({ code }) => code)).toHaveLength(1);
        expect(renderDiagnostics(diagnostics)).not.toMatch(STEERING);
      }
    });
  });

  test("with any one letter changed is refused, or says the same", () => {
    fc.assert(fc.property(fc.nat(saved.length - 1), fc.string({ unit: "binary", maxLength: 3 }), fc.nat(3), (at, put, cut) => {
      const { value, diagnostics } = readSavedPlan({ file: "plan.json", text: saved.slice(0, at) + put + saved.slice(at + cut) }, "test", sha256);
      expect(value === undefined).toBe(hasErrors(diagnostics));
      if (value !== undefined) expect(canonicalJson(value.hosts[0]?.domains)).toBe(canonicalJson((JSON.parse(saved) as { hosts: { domains: unknown }[] }).hosts[0]?.domains));
    }), { numRuns: 500 });
  });

  test("whose digest somebody has made fit again holds no commands of steps: what these may say is what the schema has, and it is planned anew", { tags: "long" }, () => {
    const { digest: _, ...body } = whole as Record<string, Json>;
    let read = 0;
    for (const path of placesOf(body)) {
      for (const put of PLANTED) {
        const changed = planted(body, path, put);
        if (typeof changed !== "object" || changed === null || Array.isArray(changed)) continue;
        const text = JSON.stringify({ ...(changed as object), digest: sha256(canonicalJson(changed)) });
        const { value, diagnostics } = readSavedPlan({ file: "plan.json", text }, "test", sha256);
        expect(value === undefined).toBe(hasErrors(diagnostics));
        if (value !== undefined) read += 1;
      }
    }
    // the schema lets words be words: that is what comparing with a new plan is for (test/cli/apply.test.ts)
    expect(read).toBeGreaterThan(0);
    expect(saved).not.toMatch(/lvcreate --|rsync -|"command":/);
  });
});

describe("a saved plan whose digest somebody has made fit again", () => {
  const files = tempFiles({
    "plan.json": "",
    "hosts.yml": "all:\n  hosts:\n    dom0a: { ansible_host: from.inventory.invalid, ansible_ssh_common_args: -o IdentitiesOnly=yes }\n",
    "others.yml": "all:\n  hosts:\n    dom0b:\n",
  });
  const bin = join(files.dir, "bin");
  const ran = join(files.dir, "ran");
  const path = process.env["PATH"];

  beforeEach(() => {
    mkdirSync(bin, { recursive: true });
    rmSync(ran, { force: true });
    // whatever converge starts says so: ssh for a host elsewhere, sh and sudo for one that is this machine
    for (const program of ["ssh", "sh", "sudo", "env"]) {
      writeFileSync(join(bin, program), `#!/bin/sh\nprintf '%s\\n' ${program} "$@" >>'${ran}'\necho 'ssh: connect to host x port 22: Connection refused' >&2\nexit 255\n`);
      chmodSync(join(bin, program), 0o755);
    }
    process.env["PATH"] = bin;
  });
  afterEach(() => {
    process.env["PATH"] = path;
  });

  const { digest: _, ...body } = JSON.parse(saved) as { digest: string; hosts: readonly object[] };
  /** Applies the plan with another connection in it, hosts opened as they are for a user. */
  const applied = async (connection: object, ...more: string[]): ReturnType<typeof cli> => {
    const changed = { ...body, hosts: body.hosts.map((host) => ({ ...host, connection: { kind: "ssh", address: "from.plan.invalid", sshArguments: [], ...connection } })) };
    writeFileSync(files["plan.json"], JSON.stringify({ ...changed, digest: sha256(canonicalJson(changed)) }));
    return cli(["apply", files["plan.json"], ...more], { real: true });
  };
  const words = (text: string): readonly string[] => readFileSync(text, "utf8").split("\n");

  const PROXY = "ProxyCommand=touch x";
  const ARGUMENTS: readonly (readonly string[])[] = [
    [`-o${PROXY}`], ["-o", PROXY], ["-o", "proxycommand touch x"], ["-o", " ProxyCommand = touch x"], ["-o", "\"ProxyCommand\"=touch x"], ["-o", "\tProxyCommand touch x"],
    ["-4", "-p", "22", "-o", "Port=22", "-o", PROXY], [`-4o${PROXY}`], [`-vo${PROXY}`], ["-o", `Port=22\n${PROXY}`], ["-o", `Port=22 ${PROXY}`], ["-o", "ProxyUseFdpass=yes"],
    ["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=touch x"], ["-o", "LocalCommand=touch x"], ["-o", "KnownHostsCommand=/bin/touch x"], ["-o", "XAuthLocation=/tmp/x"],
    ["-o", "Include=/tmp/x"], ["-o", "Match exec 'touch x'"], ["-F", "/tmp/x"], ["-F/tmp/x"],
    ["-I", "/tmp/x.so"], ["-o", "PKCS11Provider=/tmp/x.so"], ["-o", "SecurityKeyProvider=/tmp/x.so"], ["-i", "pkcs11:id=1?module-path=/tmp/x.so"], ["-o", "IdentityFile=pkcs11:?module-path=/tmp/x.so"],
    ["-J", "a"], ["-o", "ProxyJump=a"], ["-S", "/tmp/x"], ["-o", "ControlPath=/tmp/x"], ["-o", "ControlMaster=yes"], ["-M"], ["-O", "exit"], ["-A"], ["-o", "ForwardAgent=yes"], ["-X"], ["-Y"],
    ["-o", "IdentityAgent=/tmp/x"], ["-E", "/tmp/x"], ["-L", "1:a:1"], ["-R", "1:a:1"], ["-D", "1"], ["-W", "a:1"], ["-w", "0:0"], ["-f"], ["-N"], ["-G"],
    ["-o", "UserKnownHostsFile=/tmp/x"], ["-o", "GlobalKnownHostsFile=/tmp/x"], ["-o", "StrictHostKeyChecking=no"], ["-o", "StrictHostKeyChecking=accept-new"],
    ["-o", "SendEnv=*"], ["-o", "Nothing=1"], ["-o", "constructor=1"], ["-o", "__proto__=1"], ["--", "a"], ["a.host"], [""], ["-"], ["-i"], ["-p"], ["-o"], ["-p", PROXY], ["-l", "$(touch x)"],
  ];

  test.each(ARGUMENTS.map((sshArguments) => ({ sshArguments })))("with $sshArguments for ssh is refused, and nothing is run", async ({ sshArguments }) => {
    const { exit, err } = await applied({ sshArguments });
    expect([exit, existsSync(ran)]).toEqual([1, false]);
    expect(err).toContain("saved-connection");
    expect(err.replace(/\s+/g, " ")).toContain("Give the inventory with -i");
    expect(err).not.toMatch(STEERING);
  });

  test.each<object>([
    { kind: "local" }, { kind: "local", become: { method: "sudo", user: "root" } }, { kind: "local", address: "dom0a" },
    { address: `-o${PROXY}` }, { address: "$(touch x)" }, { address: "a;touch x" }, { address: "a b" }, { address: "" }, { address: "ssh://a" },
    { user: "`touch x`" }, { user: "-a" }, { user: "a|touch x" }, { user: "" }, { privateKeyFile: "pkcs11:?module-path=/tmp/x.so" }, { privateKeyFile: "-a" }, { privateKeyFile: "a\nb" },
  ])("that reaches a host by %j is refused, and nothing is run", async (connection) => {
    const { exit, err } = await applied(connection);
    expect([exit, existsSync(ran)]).toEqual([1, false]);
    expect(err).toContain("saved-connection");
    expect(err).not.toMatch(STEERING);
  });

  test("with words for ssh that can run nothing here is applied with them", async () => {
    const sshArguments = ["-4", "-C", "-p", "2222", "-i", "~/.ssh/xen", "-o", "IdentitiesOnly=yes", "-oServerAliveInterval=5", "-o", "connecttimeout 5", "-o", "IdentityAgent = none", "-o", "StrictHostKeyChecking=yes"];
    const { exit } = await applied({ sshArguments, user: "jörg", privateKeyFile: "/home/jörg/my keys/id_ed25519", port: 22, become: { method: "sudo", user: "root" } });
    expect(exit).toBe(4);
    expect(words(ran).join("\n")).toContain(sshArguments.join("\n"));
    for (const address of ["10.0.0.1", "::1", "fe80::1%eth0", "root@dom0a.example", "xen_1"]) expect((await applied({ address })).exit, address).toBe(4);
  });

  test("reaches its hosts as the inventory of -i says, whatever stands in it, and no host that is not there", async () => {
    for (const connection of [{ kind: "local" }, { sshArguments: ["-o", PROXY], user: "planned", privateKeyFile: "/planned", port: 99, become: { method: "sudo", user: "root" } }]) {
      rmSync(ran, { force: true });
      expect((await applied(connection, "-i", files["hosts.yml"])).exit).toBe(4);
      // ssh, by a shell that only keeps Ctrl-C from it, and no command of this machine's
      expect(words(ran).slice(0, 5)).toEqual(["sh", "-c", 'trap "" INT; exec "$@"', "sh", "ssh"]);
      expect(words(ran)).toContain("from.inventory.invalid");
      expect(words(ran)).toContain("IdentitiesOnly=yes");
      expect(words(ran).join(" ")).not.toMatch(/Proxy|plan|99|sudo/);
      rmSync(ran, { force: true });
      const { exit, err } = await applied(connection, "-i", files["others.yml"]);
      expect([exit, existsSync(ran)]).toEqual([1, false]);
      expect(err).toContain("not-in-inventory");
      expect(err.replace(/\s+/g, " ")).toContain("'dom0a' is a host of the plan, and the inventory does not have it");
    }
  });
});

describe("recorded facts", () => {
  test("with any value changed or left out are refused, or are a host that can be judged: nothing throws", () => {
    const whole = JSON.parse(recorded) as Json;
    placesOf(whole).filter((path) => path.length > 0).forEach((path, i) => {
      for (const put of [undefined, PLANTED[i % PLANTED.length], PLANTED[(i + 5) % PLANTED.length]]) {
        const { value, diagnostics } = readRecording(JSON.stringify(planted(whole, path, put)), "facts.json", "dom0a");
        expect(value === undefined).toBe(hasErrors(diagnostics));
        if (value === undefined) continue;
        const seen = observe(value);
        expect(renderDiagnostics([...diagnostics, ...seen.diagnostics])).not.toMatch(STEERING);
        if (seen.value === undefined) {
          expect(hasErrors(seen.diagnostics)).toBe(true);
          continue;
        }
        planHost(seen.value, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
      }
    });
  });
});

describe("what lies in a host's books", () => {
  test.each([1e300, -1e300, Number.POSITIVE_INFINITY, Number.NaN, 8.64e12 + 1])("a time of %s can be shown", (time) => {
    expect(formatInstant(time)).toBe("at a time that is none");
  });

  test.each<readonly [string, string]>([
    ["no JSON", "{"], ["no wish", "{}"], ["a list", "[]"], ["a wish of a kind that there is not", '{"wish":{"wish":"destroy"}}'],
    ["two kinds at once", '{"wish":{"wish":"move","desired":{"name":"a","disks":[],"move":{}},"back":{}}}'],
    ["a wish with more in it", '{"wish":{"wish":"return","back":{"domain":"a","disks":[],"removeVolume":false,"move":{},"command":"rm"}}}'],
    ["a number for a name", '{"wish":{"wish":"return","back":{"domain":1,"disks":[],"removeVolume":false,"move":{}}}}'],
    ["a time before all times", '{"wish":{"wish":"collect","collect":{"keepForSeconds":-1,"now":1}}}'],
    ["a prototype", '{"wish":{"__proto__":{"wish":"move"}}}'],
  ])("%s is no wish that `resume` goes on with", (_, text) => {
    expect(readSavedWish(text, commandLine("resume"))).toBeUndefined();
  });

  test.each<readonly [string, string]>([
    ["torn", '{"at":1,"seq":1,"event":"begi'], ["zeros", "\0\0\0\0"], ["of a kind that there is not", '{"at":1,"seq":1,"event":"constructor"}'],
    ["of the prototype's kind", '{"at":1,"seq":1,"event":"__proto__"}'], ["without its fields", '{"at":1,"seq":1,"event":"commit"}'],
    ["with a time that is no number", '{"at":1e999,"seq":1,"event":"commit","domain":"a"}'], ["with a text for a number", '{"at":"1","seq":1,"event":"commit","domain":"a"}'], ["a list", "[1]"], ["null", "null"], ["empty", ""],
  ])("an event that is %s is passed over", (_, line) => {
    expect(readRunEvent(line)).toBeUndefined();
  });

  test.each(["", "constructor", "DONE", "done\n"])("an end that says %j is none of the good ones", (outcome) => {
    expect(readRunEvent(JSON.stringify({ at: 1, seq: 1, event: "end", outcome, message: "m" }))).toMatchObject({ event: "end", outcome: "failed" });
  });
});
