import { describe, expect, test } from "vitest";
import { readRecording, recordReadings } from "../../src/core/facts/recording.js";
import type { Readings } from "../../src/core/facts/readings.js";
import { observe } from "../../src/core/observe/observe.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aWish, sha256 } from "../support/a-host.js";
import { labReadings } from "./many-guests.js";

/** Files in /etc/xen that are not the config of the guest that is moved, and name its disk all the same. */

const DISK = "disk = [ 'file:/srv/xen/web1/disk.img,xvda1,w' ]\n";
/** Of a comment in German, before UTF-8. */
const LATIN1 = "# Sicherung f\xfcr web1\n";

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** The lab's Dom0 with one more file, or with another one under a name that it has already. */
function withFile(path: string, bytes: Buffer, lab: Readings = labReadings()): Readings {
  const result = lab.results["xl-configs"];
  const [head = "", stream = ""] = (result?.stdout ?? "").split("\ncontent\n");
  const lines = head.split("\n");
  const count = lines.length / 3;
  const read = Buffer.from(stream, "base64").toString("latin1").split("\nend-of-config\n").slice(0, -1);
  const files = Array.from({ length: count }, (_, i) => ({ path: lines[i] ?? "", stat: lines[count + i] ?? "", real: lines[2 * count + i] ?? "", text: read[i] ?? "" }))
    .filter((file) => file.real !== path);
  const all = [...files, { path: `path ${path}`, stat: `stat 644 9 ${bytes.length}`, real: path, text: bytes.subarray(0, 256 * 1024).toString("latin1") }];
  const stdout = [
    ...all.map((file) => file.path), ...all.map((file) => file.stat), ...all.map((file) => file.real), "content",
    latin1(all.map((file) => `${file.text}\nend-of-config\n`).join("")).toString("base64"), "",
  ].join("\n");
  return { ...lab, results: { ...lab.results, "xl-configs": { exitCode: 0, stderr: "", stdout } } };
}

function planned(readings: Readings) {
  const { value, diagnostics } = observe(readings);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  const { domains, diagnostics: found } = planHost(value, [aWish("web1", ["xvda1"])], sha256);
  return { plans: domains.length, observed: diagnostics, errors: found.filter(({ severity }) => severity === "error") };
}

test("without them web1 can be moved", () => {
  expect(planned(labReadings())).toMatchObject({ plans: 1, errors: [] });
});

describe("a file that is no UTF-8 text", () => {
  test("and defines the guest a second time is a second file, which xendomains would start", () => {
    const { plans, errors, observed } = planned(withFile("/etc/xen/auto/web1.old", latin1(`${LATIN1}name = 'web1'\n${DISK}`)));
    expect(plans).toBe(0);
    expect(errors.map(({ code }) => code)).toContain("several-configs");
    expect(observed).toMatchObject([{ code: "config-encoding", severity: "warning", summary: /web1\.old is no UTF-8 text: the disks that it names count/ }]);
  });

  test.each(["/etc/xen/rescue.cfg", "/etc/xen/rescue"])("and has the disk of another guest (%s)", (path) => {
    const { plans, errors } = planned(withFile(path, latin1(`${LATIN1}name = 'rescue'\n${DISK}`)));
    expect(plans).toBe(0);
    expect(errors).toMatchObject([{ code: "image-shared", detail: "guest rescue" }]);
  });

  test("is not edited: its own guest is refused", () => {
    const was = observe(labReadings()).value?.domains["web1"]?.config?.text.text ?? "";
    const { plans, errors } = planned(withFile("/etc/xen/web1.cfg", latin1(`${LATIN1}${was}`)));
    expect(plans).toBe(0);
    expect(errors).toMatchObject([{ code: "config-encoding", summary: "/etc/xen/web1.cfg would have to be edited, and is no UTF-8 text" }]);
  });

  test("is nobody's where it is a binary", () => {
    expect(planned(withFile("/etc/xen/kernel", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0, 1])))).toMatchObject({ plans: 1, observed: [] });
  });

  test("goes into a recording without its passwords, and is the same there", () => {
    const readings = withFile("/etc/xen/rescue.cfg", latin1(`${LATIN1}name = 'rescue'\nvncpasswd = 'hunter2'\n${DISK}`));
    const recorded = recordReadings(readings);
    const again = readRecording(recorded, "x.json").value;
    if (again === undefined) throw new Error("no recording");
    const { stdout = "" } = again.results["xl-configs"] ?? {};
    expect(Buffer.from(stdout.slice(stdout.indexOf("\ncontent\n") + 9), "base64").toString("latin1")).not.toContain("hunter2");
    expect(planned(again).errors).toMatchObject([{ code: "image-shared", detail: "guest rescue" }]);
  });
});

describe("a second file of another guest", () => {
  const two = (disk: string): Readings => {
    const first = withFile("/etc/xen/late.cfg", latin1("name = 'late'\n"));
    return withFile("/etc/xen/late-rescue.cfg", latin1(`name = 'late'\n${disk}`), first);
  };

  test("names the image too", () => {
    expect(planned(two(DISK)).errors).toMatchObject([{ code: "image-shared", detail: "guest late" }]);
    expect(planned(two("")).errors).toEqual([]);
  });

  test("names the volume that the disk is to go to", () => {
    const { plans, errors } = planned(two("disk = [ 'phy:/dev/vg0/web1-xvda1,xvdb,w' ]\n"));
    expect(plans).toBe(0);
    expect(errors).toMatchObject([{ detail: expect.stringContaining("guest late") as unknown }]);
  });
});

describe("a file that is too long to be read to its end", () => {
  const long = `# ${"x".repeat(300 * 1024)}\n`;

  test("names disks in what was read of it", () => {
    const { plans, errors } = planned(withFile("/etc/xen/rescue", latin1(`name = 'rescue'\n${DISK}${long}`)));
    expect(plans).toBe(0);
    expect(errors).toMatchObject([{ code: "image-shared", detail: "guest rescue" }]);
  });

  test.each(["/etc/xen/rescue", "/etc/xen/rescue.cfg"])("is told where that is no config by itself (%s)", (path) => {
    const { observed } = planned(withFile(path, latin1(`${long}name = 'rescue'\n${DISK}`)));
    expect(observed).toContainEqual(expect.objectContaining({
      code: "config-encoding", summary: `${path} is longer than 256 KiB: which disks it names is not known`,
    }));
  });
});

test("a config that can not be read is named, and its guest is not said to have none", () => {
  const { plans, errors, observed } = planned(withFile("/etc/xen/web1.cfg", latin1(`name = 'web1'\nmemory = 128M\n${DISK}`)));
  expect(plans).toBe(0);
  expect(observed.map(({ code }) => code)).toContain("xl-value");
  expect(errors).toMatchObject([{ code: "no-config", summary: "the config of web1 can not be read: /etc/xen/web1.cfg" }]);
  expect(errors[0]?.fix).not.toContain("Write one");
});
