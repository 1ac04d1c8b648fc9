import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { connectionOf } from "../../src/core/inventory/connection.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { matchHosts } from "../../src/core/inventory/pattern.js";
import { foundDomains } from "../../src/core/load/found-domains.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { matchDomains } from "../../src/core/load/match.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Diagnostic } from "../../src/core/model/diagnostic.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { safeName } from "../../src/core/model/names.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { HostPlan } from "../../src/core/model/plan.js";
import { planCollect } from "../../src/core/plan/plan-collect.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planReturn } from "../../src/core/plan/plan-return.js";
import { compileCalls } from "../../src/core/program/compile.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { planLine } from "../../src/core/render/json-lines.js";
import { renderHostPlan } from "../../src/core/render/preview.js";
import { plainStyle } from "../../src/core/render/style.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import { encodeString } from "../../src/core/xl/string-literal.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { aHost, aWish, MIB, sha256 } from "../support/a-host.js";
import { faultsPromised } from "../support/faults.js";
import { NOW, withBooks } from "../support/a-leftover.js";
import { filesOf } from "../load/files.js";
import { SHELLS, byTurns } from "../program/host.js";
import { NAMES, STEERING } from "./names.js";

/** Names that hurt, through load, plan, preview, compile and the shells. */

const scratch = mkdtempSync(join(tmpdir(), "converge-hostile-"));
afterAll(() => { rmSync(scratch, { recursive: true }); });


/** Problems are told in words, and none of them steers the terminal. */
function wellTold(diagnostics: readonly Diagnostic[]): void {
  expect(renderDiagnostics(diagnostics)).not.toMatch(STEERING);
  for (const { code, summary } of diagnostics) expect([code, summary]).not.toContain("");
}

/** A host with one guest of this name, whose image lies in a directory of that name. */
function hostWith(name: string): HostState | undefined {
  const host = aHost([{ name: "web1", disks: { xvda1: { bytes: 64 * MIB } } }]);
  const { web1 } = host.domains;
  const [image] = Object.values(host.images);
  if (web1?.config === undefined || web1.running === undefined || image === undefined) throw new Error("no guest");
  const path = `/srv/xen/${name}.img`;
  const [quotedName, quotedDisk] = [encodeString(name, '"'), encodeString(`format=raw,vdev=xvda1,access=w,target=${path}`, "'")];
  if (quotedName === undefined || quotedDisk === undefined) return undefined;
  const text = `name = "${quotedName}"\nmemory = 128\ndisk = [ '${quotedDisk}' ]\n`;
  const file = `/etc/xen/${safeName(name)}.cfg`;
  const config = readDomainConfig(file, { file, text }, sha256(text), 7, "0644").value;
  if (config === undefined) return undefined;
  expect(config.disks.map(({ target }) => target)).toEqual([path]);
  const attached = web1.running.attached.map((disk) => ({ ...disk, params: path }));
  return {
    ...host, images: { [path]: { ...image, path, realPath: path, on: { volume: "vg0/images", mountpoint: "/srv/xen", path: `/${name}.img` } } },
    domains: Object.fromEntries([[name, { ...web1, name, config, running: { ...web1.running, stored: config.disks, attached } }]]),
  };
}

const WAYS: readonly MoveOptions[] = [{ strategy: "rsync", source: "retire" }, { strategy: "dm", switch: "suspend" }, { strategy: "rsync", source: "delete", offline: true }];

/** Its images are copied at rest there, where a playbook permits that. */
function withoutSnapshots(state: HostState): HostState {
  return { ...state, modules: { ...state.modules, dm_snapshot: "missing" } };
}

/** Everything that can be planned for a guest of this name. */
function plansFor(name: string): readonly HostPlan[] {
  const state = hostWith(name);
  if (state === undefined) return [];
  const moves = WAYS.map((move) => {
    const wish = aWish(name, ["xvda1"], move, { volume: "vg0/copy" });
    return planHost(move.offline === true ? withoutSnapshots(state) : state, [{ ...wish, ready: { kind: "command", command: ["ping", name], timeoutSeconds: 5 } }], sha256);
  });
  const moved = moves[0] === undefined ? undefined : afterMove(state, moves[0]);
  if (moved === undefined) return moves;
  const back = planReturn(moved, { domain: name, disks: [], removeVolume: false, carryBack: "files", move: {}, at: commandLine("rollback") }, sha256);
  return [...moves, back, planCollect(withBooks(moved), { keepForSeconds: 0, now: NOW, at: commandLine("gc") }, sha256)];
}

/** As it is when the guest is on its volume: what a way back and a tidying start from. */
function afterMove(state: HostState, plan: HostPlan): HostState | undefined {
  const [change] = plan.domains[0]?.changes ?? [];
  const [domain] = Object.values(state.domains);
  if (change?.change !== "move-disk" || domain?.config === undefined || domain.running === undefined) return undefined;
  const text = domain.config.text.text.replace(/disk = .*/, () => "disk = [ 'phy:/dev/vg0/copy,xvda1,w' ]");
  const config = readDomainConfig(domain.config.path, { file: domain.config.path, text }, sha256(text), 7, "0644").value;
  if (config === undefined) return undefined;
  const retired = `${change.image.path}.retired`;
  return {
    ...state, images: { [retired]: { ...change.image, path: retired, realPath: retired } },
    retired: [{ domain: domain.name, vdev: "xvda1", volume: "vg0/copy", path: change.image.path, retired, at: 0 }],
    volumes: {
      ...state.volumes, "vg0/copy": {
        name: "vg0/copy", uuid: "u", kind: "linear", bytes: 64 * MIB, active: true, open: true, holders: [], content: change.image.content,
        tags: ["converge", `converge.domain=${safeName(domain.name)}`, "converge.disk=xvda1", "converge.role=disk"],
      },
    },
    domains: Object.fromEntries([[domain.name, {
      ...domain, config, running: { ...domain.running, stored: config.disks, attached: domain.running.attached.map((disk) => ({ ...disk, params: "/dev/vg0/copy" })) },
    }]]),
  };
}

describe.each(NAMES.map((one, turn) => ({ ...one, turn })))("$why", ({ name, turn }) => {
  test("in a playbook is a guest, a disk, a volume and a variable like any other, or is told", () => {
    const json = JSON.stringify(name);
    const inventory = loadInventory(["x.json"], filesOf({ "x.json": '{"all":{"hosts":{"dom0a":{}}}}' })).value;
    if (inventory === undefined) throw new Error("no inventory");
    const texts = {
      guest: `- hosts: all\n  domains: { ${json}: { disks: { xvda1: { volume: vg0/web1 } } } }`,
      disk: `- hosts: all\n  domains: { web1: { disks: { ${json}: { volume: vg0/web1 } } } }`,
      volume: `- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: ${JSON.stringify(`vg0/${name}`)} } } } }`,
      group: `- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: ${JSON.stringify(`${name}/web1`)} } } } }`,
      variable: `- hosts: all\n  vars: { ${json}: ${json}, v: ${json} }\n  domains: { "{{ v }}": { disks: { xvda1: { volume: "vg0/{{ v }}" } } } }`,
    };
    for (const [as, text] of Object.entries(texts)) {
      const { value, diagnostics } = loadPlaybooks([{ file: "x.yml", text }], inventory);
      wellTold(diagnostics);
      expect(value === undefined, as).toBe(hasErrors(diagnostics));
      const state = hostWith(name);
      for (const desired of value?.hosts ?? []) {
        for (const found of [aHost([{ name: "web1", disks: { xvda1: {} } }]), ...(state === undefined ? [] : [state])]) {
          const matched = matchDomains(desired, foundDomains(found));
          wellTold(matched.diagnostics);
          const plan = planHost(found, matched.value?.domains ?? [], sha256);
          wellTold(plan.diagnostics);
          // a group that the host lacks is never taken for one that it has
          if (as === "group" && (matched.value?.domains.length ?? 0) > 0) expect(plan.diagnostics.map(({ code }) => code)).toContain("no-such-volume-group");
        }
      }
    }
  });

  test("as a host is reached by just these words, behind `--`, or is told", () => {
    for (const text of [JSON.stringify({ all: { hosts: { [name]: {} } } }), JSON.stringify({ all: { hosts: { dom0a: { ansible_host: name, ansible_user: name, ansible_ssh_private_key_file: name } } } })]) {
      const { value: inventory, diagnostics } = loadInventory(["x.json"], filesOf({ "x.json": text }));
      wellTold(diagnostics);
      if (inventory === undefined) continue;
      wellTold(matchHosts(name, inventory).diagnostics);
      for (const host of inventory.hosts.values()) {
        const { value, diagnostics: found } = connectionOf(host, inventory, new Map(), {});
        wellTold(found);
        if (value === undefined) continue;
        expect(value.sshArguments).toEqual([]);
        expect(value.address).not.toMatch(/^-|\0/);
      }
    }
    wellTold(loadInventory(["x.ini"], filesOf({ "x.ini": `[xen]\n${name}\n${name} a=${name}\n[${name}]\n` })).diagnostics);
  });

  test("becomes names of converge's own that hurt nowhere", () => {
    expect(safeName(name)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/);
    expect(safeName(name)).not.toMatch(/^\.\.?$/);
  });

  test("is shown in a preview without steering the terminal, and is whole in JSON", () => {
    for (const plan of plansFor(name)) {
      const lines = renderHostPlan(plan, { width: 80, style: plainStyle, verbosity: 3, describe: describeStep }, (all) => [renderDiagnostics(all)]);
      expect(lines.join("\n")).not.toMatch(STEERING);
      const again = JSON.parse(JSON.stringify(planLine(plan, describeStep))) as { domains: { domain: string }[] };
      for (const domain of again.domains) expect(domain.domain).toBe(name);
    }
  });

  for (const shell of SHELLS) test(`reaches commands as it is, and is never run (${shell})`, turn % 2 === 0 ? byTurns(turn / 2, shell) : { tags: ["long"] }, () => {
    for (const plan of plansFor(name).flatMap(({ domains }) => domains)) {
      const steps = stepsOf(plan.nodes);
      const expected = steps.map((step) => kindOf(step).actions(step.args).filter((action) => action.verb?.[0] !== "watch").map((action) => [
        ...(action.verb === undefined ? ["plain"] : [action.verb[0].replaceAll("-", "_"), ...action.verb.slice(1)]),
        ...("command" in action ? ["--", ...action.command] : []),
      ]));
      const calls = compileCalls(plan, stepKinds, { config: `/etc/xen/${name}.cfg` });
      const script = `PATH=/nowhere\nfor f in about forecast goal watch undoing when repeat step; do eval "$f() { :; }"; done
act() { for word do printf '%s\\0' "$word"; done; printf '\\n\\0'; }\n${calls}\n${steps.map((_, i) => `step_${String(i + 1)}\nprintf '\\f\\0'`).join("\n")}\n`;
      const [file = "", ...args] = shell.split(" ");
      const out = execFileSync(file, [...args, "-s"], { input: script, cwd: scratch, encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", HOME: "/nowhere" } });
      const seen = out.split("\f\0").slice(0, -1).map((step) => step.split("\n\0").slice(0, -1).map((action) => action.split("\0").slice(0, -1)));
      expect(seen).toEqual(expected);
      expect(readdirSync(scratch)).toEqual([]);
    }
  });
});

test("there are as many names as is said", () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(faultsPromised("names"));
});

test("most of these names can be a guest's, so that the above is about something", () => {
  const planned = NAMES.filter(({ name }) => plansFor(name).some(({ domains }) => domains.length > 0));
  expect(planned.length).toBeGreaterThan(NAMES.length * 0.8);
});
