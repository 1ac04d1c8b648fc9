import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mappingPath } from "../../src/core/model/mapping.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { clearDevice } from "../../src/core/steps/clear-device.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { tidy } from "../../src/core/steps/tidy.js";
import { below } from "./below.js";
import { StubHost, shellOf } from "./host.js";
import { mirrorNodes, mirrorProgram, type Mirror } from "./mirror.js";
import { planOf, raw } from "./plan.js";

/**
 * A run has laid a device over the image, and the guest has gone on on the image without it: it was shut down and started from its
 * config. The image has been grown, or another file put in its place, by the time that the next run comes.
 */

const LAID = { dm: "create-mapping", md: "create-array", "md-preseed": "track-array", drbd: "create-resource" } as const satisfies Record<Mirror, string>;
const NAME = { dm: "converge-web1-xvda1", md: "md/converge-web1-xvda1", "md-preseed": "md/converge-web1-xvda1", drbd: "drbd/converge-web1-xvda1" } as const;

const CHANGES: Readonly<Record<string, (host: StubHost) => void>> = {
  "has been grown": (host) => { writeFileSync(host.image, "an image that has been grown".padEnd(4096)); },
  "has been replaced": (host) => {
    writeFileSync(`${host.image}.new`, "another image");
    // whoever has the old file has it still
    for (const loop of readdirSync(join(host.state, "loops"))) {
      const file = join(host.state, "loops", loop, "file");
      if (loop !== "loop0") writeFileSync(file, `${readFileSync(file, "utf8")}.former`);
    }
    renameSync(`${host.image}.new`, host.image);
  },
};

async function left(turn: number, by: Mirror): Promise<StubHost> {
  const host = new StubHost(shellOf(turn));
  host.install(mirrorProgram(host, "suspend", by, ["create", "attach", LAID[by]]));
  await host.run("run");
  expect(host.ended(), host.journalText()).toBe("done");
  return host;
}

const CASES = (["dm", "md", "md-preseed", "drbd"] as const).flatMap((by) => Object.keys(CHANGES).map((what) => ({ by, what })));

// two of them in `npm test`, one for each change
for (const [turn, { by, what }] of CASES.entries()) it.concurrent(`a device by ${by} that nobody has is made anew where its image ${what}, and its loop is not left`, turn % 5 === 0 ? {} : { tags: "long" }, async () => {
  const host = await left(turn, by);
  try {
    CHANGES[what]?.(host);
    const [stale = ""] = readdirSync(join(host.state, "loops")).filter((loop) => loop !== "loop0").filter((loop) => !existsSync(join(host.state, "loops", loop, "autoclear")));
    writeFileSync(join(host.state, "loops", stale, "mark"), "");
    host.install(mirrorProgram(host, "suspend", by), "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.journalText()).toContain(`${NAME[by]}, which an earlier run had left, did not lie on`);
    expect(host.guests().map(({ disk }) => below(host, disk)), host.journalText()).toEqual(["/dev/vg0/web1-root"]);
    expect(readdirSync(join(host.state, "loops")).filter((loop) => existsSync(join(host.state, "loops", loop, "mark"))), "held, with all that the old file takes").toEqual([]);
    expect(host.lines(join(host.state, "violations"))).toEqual([]);
  } finally {
    host.remove();
  }
});

it.concurrent.each(["dm", "md", "drbd"] as const)("a guest whose own reboot would take it onto a device by %s that its image has outgrown is not touched, and the run says what to do", async (by) => {
  const host = await left(1, by);
  try {
    CHANGES["has been grown"]?.(host);
    const [domid = ""] = readdirSync(join(host.state, "doms"));
    writeFileSync(join(host.root, `var/lib/xen/userdata-d.${domid}.uuid-of-it.xl`), `disk = [ "phy:${mappingPath(NAME[by])},xvda1,w" ]\n`);
    host.install(mirrorProgram(host, "suspend", by), "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain("does not lie on");
    expect(host.journalText()).toContain("shut web1 down, start it from its config, and run this again");
    expect(host.guests().map(({ domid: same, state, disk }) => [same, state, disk])).toEqual([[domid, "-b----", "/srv/disk.img"]]);
  } finally {
    host.remove();
  }
});

for (const [by, then] of [["dm", "md"], ["md", "dm"], ["drbd", "dm"], ["md", "drbd"]] as const) it.concurrent(`a device by ${by} that nobody has is out of the way of a mirror by ${then}, and so is its loop`, then === "md" ? {} : { tags: "long" }, async () => {
  const host = await left(0, by);
  try {
    const former = loopsOver(host);
    const nodes = [stepOf(clearDevice, "prepare", "clear", { name: NAME[by], image: host.image }, ""), ...mirrorNodes(host, "suspend", then)];
    host.install(compileProgram(planOf(host.domain, nodes), { ...stepKinds, raw }, { config: host.config }), "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.journalText()).toContain(`${NAME[by]}, which an earlier run had left, was of no use to anybody`);
    expect(host.guests().map(({ disk }) => below(host, disk)), host.journalText()).toEqual(["/dev/vg0/web1-root"]);
    expect(former).toHaveLength(1);
    expect(existsSync(join(host.root, mappingPath(NAME[by])))).toBe(false);
    expect(loopsOver(host)).toEqual([]);
    expect(host.lines(join(host.state, "violations"))).toEqual([]);
  } finally {
    host.remove();
  }
});

it.concurrent.each(["dm", "md", "drbd"] as const)("a device by %s that nobody has goes with what its loop is known by: a run that does not take that image up ends well", async (by) => {
  const host = await left(2, by);
  try {
    expect(readdirSync(join(host.root, "run/converge/web1")), "it would keep the directory").not.toEqual([]);
    const nodes = [
      stepOf(clearDevice, "prepare", "clear", { name: NAME[by], image: host.image }, ""), stepOf(tidy, "finish", "tidy", { domain: host.domain }, ""),
    ];
    host.install(compileProgram(planOf(host.domain, nodes), stepKinds, { config: host.config }), "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(existsSync(join(host.root, "run/converge/web1"))).toBe(false);
    expect(loopsOver(host)).toEqual([]);
  } finally {
    host.remove();
  }
});

for (const by of ["dm", "md", "drbd"] as const) it.concurrent.each(["kill-before", "kill-after"] as const)(
  `a device by ${by}, and the loop that it alone had, are gone in the end where the program dies (%s) at any call`, { tags: "long" }, async (when) => {
    const nodes = (host: StubHost): readonly PlanNode[] => [
      stepOf(clearDevice, "prepare", "clear", { name: NAME[by], image: host.image }, ""), stepOf(tidy, "finish", "tidy", { domain: host.domain }, ""),
    ];
    const install = (host: StubHost, run: string): void => {
      host.install(compileProgram(planOf(host.domain, nodes(host)), stepKinds, { config: host.config }), run);
    };
    for (let at = 1; ; at += 1) {
      const host = await left(at, by);
      try {
        install(host, "2");
        host.forgetCalls();
        host.tell(when, String(at));
        await host.run("run");
        host.untell(when);
        const died = host.ended() === undefined;
        if (died) {
          await host.run("recover");
          // who looks at the host plans the step for what is still there
          if (existsSync(join(host.root, mappingPath(NAME[by])))) {
            install(host, "3");
            await host.run("run");
            expect(host.ended(), host.journalText()).toBe("done");
          }
        }
        const where = `${String(at)}: ${host.calls().join("; ")}\n${host.journalText()}`;
        expect(existsSync(join(host.root, mappingPath(NAME[by]))), where).toBe(false);
        expect(readdirSync(join(host.state, "loops")), where).toEqual(["loop0"]);
        const run = join(host.root, "run/converge/web1/xvda1");
        expect(existsSync(run) ? readdirSync(run) : [], where).toEqual([]);
        expect(host.lines(join(host.state, "violations"))).toEqual([]);
        // the loop's end and the device's are two calls
        if (!died) {
          expect(at).toBeGreaterThan(2);
          break;
        }
      } finally {
        host.remove();
      }
    }
  },
);

it.concurrent.each(["dm", "md", "drbd"] as const)("a device by %s that the guest comes up on when it reboots itself is not cleared away", async (by) => {
  const host = await left(1, by);
  try {
    const [domid = ""] = readdirSync(join(host.state, "doms"));
    writeFileSync(join(host.root, `var/lib/xen/userdata-d.${domid}.uuid-of-it.xl`), `disk = [ "phy:${mappingPath(NAME[by])},xvda1,w" ]\n`);
    const nodes = [stepOf(clearDevice, "prepare", "clear", { name: NAME[by], image: host.image }, "")];
    host.install(compileProgram(planOf(host.domain, nodes), stepKinds, { config: host.config }), "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.journalText()).toContain("stored for web1's own reboot");
    expect(existsSync(join(host.root, mappingPath(NAME[by])))).toBe(true);
  } finally {
    host.remove();
  }
});

/** But for the guest's own. */
function loopsOver(host: StubHost): readonly string[] {
  const loops = join(host.state, "loops");
  return readdirSync(loops).filter((loop) => loop !== "loop0" && !existsSync(join(loops, loop, "autoclear")) && readFileSync(join(loops, loop, "file"), "utf8").trim() === host.image);
}
