import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Carry, ReturnDisk } from "../../src/core/model/change.js";
import type { Domain } from "../../src/core/model/domain.js";
import { volumeTags } from "../../src/core/model/names.js";
import type { DomainPlan } from "../../src/core/model/plan.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { returnSteps } from "../../src/core/switches/return.js";
import { aHost, aVolume, ext4 } from "../support/a-host.js";
import { faultsPromised } from "../support/faults.js";
import { eachDeath, type Death } from "./deaths.js";
import { EVERY, SHELLS, StubHost, byTurns, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { planOf, sha256 } from "./plan.js";
import { Xl } from "./xl.js";

const VOLUME = "vg0/web1-root";

/** A guest that is on its volume, as a move leaves it: what a way back starts from. */
async function movedHost(shell: Shell): Promise<StubHost> {
  const host = new StubHost(shell);
  const device = `${host.root}/dev/${VOLUME}`;
  writeFileSync(`${host.state}/lv/${VOLUME}`, `4096|${volumeTags("web1", "xvda1", "disk").join(",")}|-wi-ao----||\n`);
  writeFileSync(device, "fd:2\n");
  writeFileSync(host.config, readFileSync(host.config, "utf8").replace(host.image, device));
  await host.command([`${host.root}/bin/xl`, "destroy", host.domain]);
  await host.command([`${host.root}/bin/xl`, "create", host.config]);
  expect(host.guests().map(({ disk }) => disk)).toEqual([`/dev/${VOLUME}`]);
  host.forgetCalls();
  return host;
}

/** The real steps of a way back, on the stub's paths. @param at where the image lies, if it was retired */
function returnProgram(host: StubHost, carry: Carry, remove = false, at = host.image): string {
  const text = readFileSync(host.config, "utf8");
  const device = `${host.root}/dev/${VOLUME}`;
  const start = Buffer.byteLength(text.slice(0, text.indexOf(device)));
  const after = text.replace(device, host.image);
  const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  const [image] = Object.values(state.images);
  const known = state.domains["web1"];
  const [guest] = host.guests();
  if (image === undefined || known?.config === undefined || known.running === undefined || guest === undefined) throw new Error("no guest");
  const domain: Domain = { ...known, running: { ...known.running, domid: Number(guest.domid), uuid: "uuid-of-it" } };
  const disk: ReturnDisk = {
    change: "return-disk", domain: "web1", vdev: "xvda1", path: host.image, format: "raw", carry, halfCarried: false, removeVolume: remove,
    volume: aVolume(VOLUME, 4096, { tags: [...volumeTags("web1", "xvda1", "disk")], content: ext4("11-22", 4096) }),
    image: { ...image, path: at, realPath: at, content: ext4("11-22", 4096) },
    ...(at === host.image ? {} : { retired: { at, path: host.image } }),
  };
  const nodes = returnSteps({
    domain, returns: [disk], finishes: [],
    edit: {
      domain: "web1", path: host.config, before: sha256(text), after: sha256(after),
      edits: [{ start, end: start + Buffer.byteLength(device), text: host.image }],
      disks: [{ vdev: "xvda1", target: host.image, format: "raw", access: "w", cdrom: false }], oldDisks: [],
    },
    ready: { kind: "command", command: ["true"], timeoutSeconds: 2 },
  }, state).filter((node) => node.id !== "guard");
  const plan: DomainPlan = planOf("web1", nodes);
  return compileProgram(plan, stepKinds, { config: host.config })
    .replaceAll("/dev/vg0/", `${host.root}/dev/vg0/`).replaceAll("/run/converge/web1", `${host.root}/run/converge/web1`)
    // the stub knows one way of mounting
    .replaceAll(/mount -t ext4 -o \S+ /g, "mount ");
}

function tags(host: StubHost): string {
  const file = `${host.state}/lv/${VOLUME}`;
  return existsSync(file) ? (readFileSync(file, "utf8").split("|")[1] ?? "") : "gone";
}

/** One guest, up, on the disk that its config names; nothing left; half an image is nobody's disk. */
function expectWhole(host: StubHost, where: string): "image" | "volume" {
  expect(host.guests().map((guest) => guest.state), where).toEqual(["-b----"]);
  const side = host.guests()[0]?.disk === "/srv/disk.img" ? "image" : "volume";
  expect(readFileSync(host.config, "utf8"), where).toContain(side === "image" ? host.image : `/dev/${VOLUME}`);
  expect(host.leftovers(), where).toEqual([]);
  expect(host.ended(), where).toBeDefined();
  if (side === "image") expect(tags(host), where).not.toContain("converge.carry=begun");
  else expect(tags(host), where).not.toContain("converge.carry=done");
  return side;
}

describe.concurrent("a way back", () => {
  for (const shell of SHELLS) it(`carries files while the guest is down, and marks what it leaves (${shell})`, byTurns(0, shell), async () => {
    const host = await movedHost(shell);
    try {
      host.install(returnProgram(host, "files"));
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      expect(expectWhole(host, host.journalText())).toBe("image");
      expect(tags(host)).toContain("converge.role=former");
      expect(tags(host)).toContain("converge.carry=done");
      const calls = host.calls();
      const at = (start: string): number => calls.findIndex((call) => call.startsWith(start));
      expect(at("xl shutdown")).toBeLessThan(at("lvchange --deltag converge.carry=done --addtag converge.carry=begun"));
      expect(at("lvchange --deltag converge.carry=done --addtag converge.carry=begun")).toBeLessThan(at("rsync"));
      expect(at("rsync")).toBeLessThan(at("xl create"));
      journal(host);
    } finally {
      host.remove();
    }
  });

  for (const shell of SHELLS) it(`keeps the volume that is to go where somebody has taken a snapshot of it meanwhile (${shell})`, byTurns(1, shell), async () => {
    const host = await movedHost(shell);
    try {
      host.install(returnProgram(host, "files", true));
      // a backup has: lvremove --yes takes it along
      writeFileSync(`${host.state}/lv/${VOLUME}`, readFileSync(`${host.state}/lv/${VOLUME}`, "utf8").replace("|-wi-ao----|", "|owi-aos---|"));
      await host.run("run");
      expect(expectWhole(host, host.journalText())).toBe("image");
      expect(tags(host)).toContain("converge.role=disk");
      expect(host.calls().filter((call) => call.startsWith("lvremove"))).toEqual([]);
      expect(host.journalText()).toContain(`somebody has taken a snapshot of ${VOLUME}, which would be removed with it`);
      expect(host.ended()).not.toBe("done");
    } finally {
      host.remove();
    }
  });

  it("goes back to the volume where the image is not clean, or differs, and says so", { tags: "long" }, async () => {
    for (const [carry, tool] of [["files", "e2fsck"], ["blocks", "cmp"], ["blocks", "dd"]] as const) {
      const host = await movedHost("dash");
      try {
        host.install(returnProgram(host, carry));
        host.tell(`${tool}-rc`, "4");
        await host.run("run");
        expect(host.ended(), tool).toBe("failed");
        expect(expectWhole(host, `${tool}: ${host.journalText()}`)).toBe("volume");
        expect(tags(host), "the image is half-way, and that is remembered").toContain("converge.carry=begun");
        expect(host.journalText()).toContain(`${tool} ended with 4`);
      } finally {
        host.remove();
      }
    }
  });

  for (const shell of SHELLS) it(`goes back to the volume where what was carried finds no place once it is flushed (${shell})`, byTurns(0, shell), async () => {
    const host = await movedHost(shell);
    try {
      host.install(returnProgram(host, "files"));
      rmSync(`${host.root}/bin/sync`);
      writeFileSync(`${host.root}/bin/sync`, '#!/bin/sh\n[ "$1" != --file-system ] || { echo "sync: error syncing: Input/output error" >&2; exit 1; }\n', { mode: 0o755 });
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(expectWhole(host, host.journalText())).toBe("volume");
      expect(tags(host), "the image is half-way, and that is remembered").toContain("converge.carry=begun");
      expect(host.journalText()).toContain("Input/output error");
    } finally {
      host.remove();
    }
  });

  it.each(["kept", "retired"] as const)("goes on to an image that was %s where somebody has edited the config since its run died behind its own edit", async (how) => {
    const host = await movedHost("busybox sh");
    try {
      const at = how === "kept" ? host.image : `${host.image}.retired`;
      if (how === "retired") renameSync(host.image, at);
      host.install(returnProgram(host, "files", false, at));
      const xl = new Xl(host);
      xl.first('if [ "$1" = create ]; then read -r g <"$STUB_STATE/group"; kill -9 "-$g"; /bin/sleep 1; exit 1; fi');
      await host.run("run");
      xl.stub();
      expect(host.committing()).toBe(false);
      appendFileSync(host.config, "memory = 512\n");
      await host.run("recover");
      expect(host.journalText()).toContain("was changed by somebody else meanwhile, and names the new disk");
      expect(expectWhole(host, host.journalText())).toBe("image");
      expect(readFileSync(host.config, "utf8"), "theirs stays").toContain("memory = 512");
      expect(existsSync(host.image), "the guest has it").toBe(true);
      expect(tags(host)).toContain("converge.carry=done");
    } finally {
      host.remove();
    }
  });

  it("removes the volume only where that was asked for, and only after the guest is up on its image", { tags: "long" }, async () => {
    const host = await movedHost("bash");
    try {
      host.install(returnProgram(host, "blocks", true));
      await host.run("run");
      expect(expectWhole(host, host.journalText())).toBe("image");
      expect(tags(host)).toBe("gone");
      const calls = host.calls();
      expect(calls.findIndex((call) => call.startsWith("lvremove"))).toBeGreaterThan(calls.findIndex((call) => call.startsWith("xl unpause")));
      expect(readFileSync(host.image, "utf8")).toContain("blocks of");
    } finally {
      host.remove();
    }
  });

  it("is recovered from when it is killed with all its children, at whatever call, with and without a reboot", { tags: "long" }, async () => {
    const whole = await movedHost("dash");
    whole.install(returnProgram(whole, "files"));
    await whole.run("run");
    const count = whole.calls().length;
    const commit = whole.calls().findIndex((call) => call.startsWith("xl unpause")) + 1;
    whole.remove();
    expect(commit).toBeGreaterThan(8);
    const deaths = Array.from({ length: count }, (_, index) => index + 1).flatMap((number) => {
      const all: readonly (Death & { readonly reboot: boolean })[] = [
        { number, when: "kill-after", reboot: false }, { number, when: "kill-before", reboot: false }, { number, when: "kill-after", reboot: true },
      ];
      // from the commit on all of them; before it one by turns, which are not those of the shells
      return EVERY || number >= commit - 1 ? all : all.filter((_, index) => index === Math.floor((2 * number) / 3) % 3);
    });
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-on-the-way-back"));
    const host = async (shell: Shell): Promise<StubHost> => {
      const one = await movedHost(shell);
      one.install(returnProgram(one, "files"));
      return one;
    };
    await eachDeath({
      deaths, host, really: ({ number, reboot }) => number === commit && !reboot,
    }, async (host, { number, when, reboot }) => {
      const where = `${when} ${String(number)}${reboot ? ", reboot" : ""}: ${host.calls()[number - 1] ?? ""}`;
      expect(host.ended(), where).toBeUndefined();
      await host.scopesEnded();
      const wasDown = reboot && host.guests().length === 0;
      if (reboot) host.forget();
      await host.run("recover");
      const text = `${where}\n${host.journalText()}`;
      if (reboot && !wasDown && !host.committing() && host.guests().length === 0) {
        // xendomains starts a guest that was up when the power went
        expect(host.leftovers(), text).toEqual([]);
        expect(readFileSync(host.config, "utf8"), text).toContain(`/dev/${VOLUME}`);
      } else {
        expect(expectWhole(host, text), text).toBe(host.committing() ? "image" : "volume");
        expect(host.committing(), text).toBe(number >= commit);
      }
      const calls = host.calls().length;
      await host.run("recover");
      expect(host.calls().length, text).toBe(calls);
    });
  });
});
