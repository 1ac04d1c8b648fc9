import { describe, expect, test } from "vitest";
import { readRecording, recordReadings } from "../../src/core/facts/recording.js";
import type { Readings } from "../../src/core/facts/readings.js";
import { facts } from "../../src/core/facts/registry.js";
import type { CommandResult } from "../../src/core/model/command.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { endsOf } from "../../src/core/model/disk-end.js";
import type { Content } from "../../src/core/model/storage.js";
import { rehearsalName, rehearsalUuid } from "../../src/core/model/names.js";
import { observe } from "../../src/core/observe/observe.js";
import { labReadings, manyGuests } from "./many-guests.js";

function stateOf(readings: Readings): HostState {
  const { value, diagnostics } = observe(readings);
  expect(diagnostics).toEqual([]);
  if (value === undefined) throw new Error("no state");
  return value;
}

function withResult(name: string, change: Partial<CommandResult>): Readings {
  const lab = labReadings();
  const before = lab.results[name] ?? { exitCode: 0, stdout: "", stderr: "" };
  return { ...lab, results: { ...lab.results, [name]: { ...before, ...change } } };
}

/** As `od -A d -t x1` prints it. */
function od(bytes: string): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    lines.push([String(at).padStart(7, "0"), ...Buffer.from(bytes.slice(at, at + 16), "latin1").toString("hex").match(/../g) ?? []].join(" "));
  }
  return [...lines, String(bytes.length).padStart(7, "0")].join("\n");
}

describe("a Dom0 of the lab", () => {
  const state = stateOf(labReadings());

  test("who it is", () => {
    expect(state.host).toMatchObject({ name: "dom0", xen: "4.17.7", systemd: 252, os: "Debian GNU/Linux 12 (bookworm)" });
    expect(state.host.bootId).toMatch(/^[0-9a-f-]{36}$/);
    // xl info: 3071 and 1374 MiB; MemAvailable of /proc/meminfo: 1288852 kB
    expect(state.memory).toEqual({ totalBytes: 3071 * 1024 ** 2, freeBytes: 1374 * 1024 ** 2, dom0FreeBytes: 1288852 * 1024 });
    expect(state.tools["rsync"]?.present).toBe(true);
    expect(state.tools["qemu-img"]).toEqual({ present: false });
    expect(state.modules).toMatchObject({ dm_snapshot: "loaded", dm_mirror: "available", dm_clone: "missing" });
    expect(state.managers).toEqual([]);
  });

  test("what lies on what", () => {
    expect(state.volumes["vg0/images"]).toMatchObject({ kind: "linear", active: true, open: true, devno: "253:0" });
    expect(state.volumes["vg0/images"]?.content).toMatchObject({ type: "ext4", needsRecovery: true });
    const root = state.images["/srv/xen/web1/disk.img"];
    expect(root).toMatchObject({
      format: "raw", bytes: 134217728, devno: "253:0",
      // with holes: stat(1) tells of 13256 blocks of 512 bytes
      allocatedBytes: 13256 * 512,
      on: { volume: "vg0/images", mountpoint: "/srv/xen", path: "/web1/disk.img" },
    });
    expect(root?.content).toMatchObject({ type: "ext4", label: "web1-root", blockBytes: 1024, needsRecovery: true });
    expect(state.images["/srv/xen/web1/swap.img"]).toMatchObject({ allocatedBytes: 4096, content: { type: "swap", label: "web1-swap" } });
    const loop = state.loops.find(({ backing }) => backing === "/srv/xen/web1/disk.img");
    expect(loop).toMatchObject({ inode: root?.inode, devno: root?.devno, deleted: false });
    expect(state.domains["web1"]?.running?.attached[0]?.devno).toBe(`7:${loop?.device.replace("/dev/loop", "") ?? ""}`);
  });

  test("what a disk is laid over is the disk's, where that was looked for", () => {
    const lab = labReadings();
    const name = "/srv/xen/web1/swap.img";
    const layer = ["disk " + name, "layer 8180 4711 64768 0:0 /srv/base.img", "untold a name that is no file's", "told", ""].join("\n");
    const ask = (results: Readings["results"]): HostState => stateOf({ ...lab, results: { ...lab.results, ...results } });
    expect(ask({ "backing-files": { exitCode: 0, stdout: layer, stderr: "" } }).images[name]?.disk, "a raw one has no head").toBeUndefined();
    const head = "QFI\xfb\0\0\0\x03\0\0\0\0\0\0\x01".padEnd(8192, "\0");
    const dump = [`path ${name}`, `stat 8180 8192 16 512 77 64768 1 1 0:0`, name, "heads", od("converge-head 0".padEnd(64) + head), ""].join("\n");
    const targets = { "disk-targets": { exitCode: 0, stdout: dump, stderr: "" } };
    expect(ask(targets).images[name]?.disk).toEqual({ bytes: 0, backed: true, encrypted: false });
    expect(ask({ ...targets, "backing-files": { exitCode: 0, stdout: layer, stderr: "" } }).images[name]?.disk?.layers)
      .toEqual({ files: [{ path: "/srv/base.img", inode: 4711, devno: "253:0" }], untold: "a name that is no file's" });
  });

  test("what the end of a disk is known by is the disk's, but not where its content reaches over it, or it has partitions", () => {
    const swap = state.images["/srv/xen/web1/swap.img"];
    if (swap === undefined) throw new Error("no image");
    const mark = { kind: "md", at: swap.bytes - 8192 } as const;
    const stdout = [`${String(swap.bytes)} ${swap.path}`, "ends", "from 0 0000", `md ${String(16 + 131_072 - 8192)}`, "until 131088", ""].join("\n");
    const shorter = { ...swap.content, bytes: mark.at } as Content;
    expect(stateOf(withResult("image-ends", { exitCode: 0, stdout })).images[swap.path]?.ends, "all of it is swap").toBeUndefined();
    expect(endsOf(shorter, [mark])).toEqual([mark]);
    expect(endsOf({ ...swap.content, bytes: mark.at + 1 } as Content, [mark])).toEqual([]);
    expect(endsOf({ type: "partitions", table: "dos" }, [mark])).toEqual([]);
  });

  test("what lies on loop devices, their partitions, and below them", () => {
    const { loops } = labReadings().results;
    const devices = [
      "dm-0 253:0 5242880 0 vg0-images", "dm-3 253:3 8192 0 guestvg-root", "loop1 7:1 262144 0 -", "loop1p1 259:1 131072 0 - dm-3",
      "loop9 7:9 5242880 0 - md127",
    ];
    const found = stateOf({
      ...labReadings(),
      results: {
        ...labReadings().results, "block-devices": { exitCode: 0, stderr: "", stdout: devices.map((line) => `${line}\n`).join("") },
        loops: {
          exitCode: 0, stderr: "",
          stdout: (loops?.stdout ?? "").replace('"loopdevices": [', `"loopdevices": [ {"name": "/dev/loop9", "back-file": "/dev/dm-0",
            "back-ino": 300, "back-maj:min": "0:5", "offset": 0, "ro": false},`),
        },
      },
    });
    expect(found.loops.map(({ device, number, holders }) => [device, number, holders])).toEqual([
      ["/dev/loop0", undefined, undefined], ["/dev/loop1", "7:1", ["guestvg-root"]], ["/dev/loop9", "7:9", ["md127"]],
    ]);
    expect(found.volumes["vg0/images"]?.holders).toEqual(["loop9"]);
  });

  test("guests that run and guests that do not", () => {
    const { web1, late1, stubborn1 } = state.domains;
    expect(web1).toMatchObject({ autostart: true, saved: false, otherConfigs: [] });
    expect(web1?.config).toMatchObject({ path: "/etc/xen/web1.cfg", mode: "644", addresses: ["10.77.0.11"], type: "pv" });
    expect(web1?.running?.uuid).toBe(web1?.config?.uuid);
    expect(web1?.running?.stored).toEqual(web1?.config?.disks);
    expect(late1).toMatchObject({ autostart: true });
    expect(late1?.running).toBeUndefined();
    expect(stubborn1?.autostart).toBe(false);
  });
});

describe.each(["51713", "d0p1", "xvda1"])("a disk that its guest was built with as %s", (dev) => {
  const domid = stateOf(labReadings()).domains["web1"]?.running?.domid ?? 0;
  const at = (kind: string, key: string, value: string): string => `/local/domain/0/backend/${kind}/${domid}/51713/${key} = "${value}"\n`;
  const attachedBy = (kind: string, more: Readonly<Record<string, string>>) => {
    const lab = labReadings();
    const backends = at(kind, "dev", dev) + at(kind, "params", "aio:/srv/xen/web1/disk.img") + at(kind, "state", "4");
    const results = Object.entries({ "xenstore-backends": backends, ...more }).map(([name, stdout]) => [name, { exitCode: 0, stdout, stderr: "" }] as const);
    const found = observe({ ...lab, results: { ...lab.results, ...Object.fromEntries(results) } }).value;
    return found?.domains["web1"]?.running?.attached;
  };

  test("is found in QEMU, which calls it xvda1", () => {
    const node = { vdev: "xvda1", node: "#block1", path: "/srv/xen/web1/disk.img", driver: "raw", bytes: 4096 };
    const answer = `${JSON.stringify({ domid, disks: [node], nodes: [node], jobs: [] })}\n`;
    expect(attachedBy("qdisk", { "qemu-blocks": answer })).toMatchObject([{ vdev: dev, open: { node: "#block1" } }]);
  });

  test("has what it has written counted", () => {
    expect(attachedBy("vbd", { "vbd-writes": `/sys/bus/xen-backend/devices/vbd-${domid}-51713/statistics/wr_sect 8\n` })).toMatchObject([{ vdev: dev, writtenBytes: 4096 }]);
  });
});

test.each([
  ["r-----", {}], ["-b----", {}], ["--p---", { paused: true }], ["------", {}],
  ["----c-", { halted: "crashed" }], ["---sc-", { halted: "crashed" }], ["---s--", { halted: "shut-down" }], ["--ps--", { paused: true, halted: "shut-down" }],
  // for its own reboot, to be saved or migrated, by a watchdog, for a kexec, and for what xl has no letter for
  ["---sr-", { halted: "shut-down" }], ["---ss-", { halted: "shut-down" }], ["---sw-", { halted: "shut-down" }],
  ["---sS-", { halted: "shut-down" }], ["---s?-", { halted: "shut-down" }],
  // it goes in this moment, for whatever reason
  ["---s-d", {}], ["---scd", {}], ["-----d", {}],
] as const)("a guest that xl shows as %s", (letters, more) => {
  const before = labReadings().results["domain-list"]?.stdout ?? "";
  const line = before.split("\n").find((one) => one.startsWith("web1 ")) ?? "";
  const found = stateOf(withResult("domain-list", { stdout: before.replace(line, line.replace(/[-a-z]{6}(?=\s+[\d.]+\s+[0-9a-f]{8}-)/, letters)) }));
  const { paused, halted } = found.domains["web1"]?.running ?? {};
  expect({ paused, halted }).toEqual({ paused: false, halted: undefined, ...more });
});

describe("the same Dom0 after web1 was moved", () => {
  const state = stateOf(labReadings("lab-web1-moved"));

  test("a disk is the volume that its path leads to", () => {
    expect(state.devices?.["/dev/vg0/web1-root"]).toMatchObject({
      realPath: "/dev/dm-1", devno: "253:1", volume: "vg0/web1-root", bytes: 160 * 1024 * 1024,
    });
    expect(state.devices?.["/dev/vg0/web1-root"]?.content).toEqual(state.volumes["vg0/web1-root"]?.content);
    expect(state.volumes["vg0/web1-root"]).toMatchObject({ open: true, content: { type: "ext4", label: "web1-root" } });
    expect(state.volumes["vg0/web1-root"]?.tags).toContain("converge.from=/srv/xen/web1/disk.img");
    expect(state.domains["web1"]?.running?.attached.map(({ devno }) => devno)).toEqual(["253:1", "253:2"]);
    expect(state.domains["web1"]?.running?.stored).toEqual(state.domains["web1"]?.config?.disks);
    expect(state.images["/srv/xen/web1/disk.img"]).toBeUndefined();
  });

  test("the books tell of the run", () => {
    expect(state.runs).toMatchObject([{ domain: "web1", state: "done", owner: "root@vm" }]);
    expect(state.history).toMatchObject([{ domain: "web1", downtimeSeconds: 50.26 }]);
  });
});

describe("what a guest has been given since its start", () => {
  const lab = labReadings();
  const stored = lab.results["stored-configs"]?.stdout ?? "";
  const domid = Number(/userdata-d\.([1-9]\d*)\./.exec(stored)?.[1]);
  const second = (more: string): string => stored.replace(/"nics":\s*\[\s*\{/, (start) => `${start}"devid": 1, "mac": "00:16:3e:00:00:99"${more}},{`);
  const guest = (stdout: string, served?: string) => observe({
    ...lab,
    results: {
      ...lab.results, "stored-configs": { exitCode: 0, stderr: "", stdout },
      ...(served === undefined ? {} : { "kernel-backends": { exitCode: 0, stderr: "", stdout: served } }),
    },
  }).value?.domains["web1"]?.running;
  const FIRST = "00:16:3e:4d:00:11";

  test("is its card while Dom0 serves it, and no more once it was plugged out, though libxl keeps it", () => {
    expect(second("")).not.toBe(stored);
    expect(guest(second(""), `vif-${domid}-0\nvif-${domid}-1\n`)?.macs).toEqual(["00:16:3e:00:00:99", FIRST]);
    expect(guest(second(""), `vif-${domid}-0\nvif-${domid + 1}-1\n`)?.macs).toEqual([FIRST]);
  });

  test("is its card where another domain serves it, or nobody has asked", () => {
    expect(guest(second(', "backend_domname": "net"'), `vif-${domid}-0\n`)?.macs).toEqual(["00:16:3e:00:00:99", FIRST]);
    expect(guest(second(""))?.macs).toEqual(["00:16:3e:00:00:99", FIRST]);
  });

  test("is a PCI device of the host's", () => {
    expect(guest(stored, `vif-${domid}-0\npci-${domid}-0\n`)?.passedThrough).toBe(true);
    expect(guest(stored, `vif-${domid}-0\npci-${domid + 1}-0\n`)?.passedThrough).toBeUndefined();
  });
});

describe("a recording", () => {
  const lab = labReadings();

  test("read back gives the same state", () => {
    const again = readRecording(recordReadings(lab), "x.json");
    expect(again.diagnostics).toEqual([]);
    expect(again.value && observe(again.value)).toEqual(observe(lab));
  });

  test("holds no secret, and the hash of what was on the host", () => {
    const text = "name = 'web1'\nvncpasswd = \"hunter2\"\ndisk = [ 'file:/srv/xen/web1/disk.img,xvda1,w' ]\n";
    const encoded = Buffer.from(`${text}\nend-of-config\n`).toString("base64");
    const readings = withResult("xl-configs", {
      stdout: `path /etc/xen/web1.cfg\nstat 600 7 ${text.length}\n/etc/xen/web1.cfg\ncontent\n${encoded}\n`,
    });
    const recorded = recordReadings({
      ...readings,
      results: {
        ...readings.results,
        "xenstore-backends": {
          exitCode: 0, stderr: "",
          stdout: '/local/domain/0/backend/vfb/1/0/vncpasswd = "hunter2"\n/local/domain/0/backend/vbd/1/51712/state = "4"\n',
        },
        "stored-configs": {
          exitCode: 0, stderr: "",
          stdout: [
            "userdata userdata-d.1.5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11.libxl-json", '{"b_info":{"vnc":{"passwd":"hunter2"}}}', "",
            "userdata userdata-d.1.5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11.xl", 'vncpasswd = "hunter2"', "", "",
          ].join("\n"),
        },
      },
    });
    const again = readRecording(recorded, "x.json").value;
    expect(recorded).not.toContain("hunter2");
    const config = again && observe(again).value?.domains["web1"]?.config;
    expect(config?.text.text).toContain('vncpasswd = "REDACTED"');
    expect(config?.sha256).toBe(observe(readings).value?.domains["web1"]?.config?.sha256);
    expect(config).toMatchObject({ inode: 7, mode: "600" });
    expect(again?.results["xenstore-backends"]?.stdout).toBe('/local/domain/0/backend/vbd/1/51712/state = "4"\n');
  });

  test.each(["lab-web1-running", "lab-web1-moved"])("%s holds none either", (name) => {
    const domains = Object.values(observe(labReadings(name)).value?.domains ?? {});
    const texts = domains.map(({ config }) => config?.text.text ?? "").join("");
    expect(texts).toContain('vncpasswd = "REDACTED"');
    expect(texts).not.toMatch(/s3cret/);
  });

  test.each([
    ["not json", "it does not say so"],
    ["{}", "it does not say so"],
    ['{"converge":"recording","version":2}', "its version is 2, not 1"],
    ['{"converge":"recording","version":1,"results":{"xen":{"exitCode":0}}}', "the result of 'xen' is damaged"],
  ])("%s is none", (text, why) => {
    const { value, diagnostics } = readRecording(text, "x.json");
    expect(value).toBeUndefined();
    expect(diagnostics[0]).toMatchObject({ severity: "error", code: "recording-damaged" });
    expect(diagnostics[0]?.summary).toContain(why);
  });
});

describe("the clone of a rehearsal", () => {
  const name = rehearsalName("web1");
  const listed = (uuid: string): Readings => {
    const stdout = labReadings().results["domain-list"]?.stdout ?? "";
    return withResult("domain-list", { stdout: `${stdout}${name} 77 128 1 -b---- 3.0 ${uuid} - -\n` });
  };

  test("is no guest, whether it runs or xendomains has saved it", () => {
    expect(Object.keys(stateOf(listed(rehearsalUuid(name))).domains)).toEqual(Object.keys(stateOf(labReadings()).domains));
    expect(stateOf(withResult("save-files", { stdout: `${name}\nsomebody\n` })).domains).toMatchObject({ somebody: { saved: true } });
    expect(stateOf(withResult("save-files", { stdout: `${name}\n` })).domains[name]).toBeUndefined();
  });

  test("is told from somebody's guest of that name by its UUID", () => {
    expect(observe(listed("5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a99")).value?.domains[name]?.running?.domid).toBe(77);
  });
});

describe("what could not be read does not pass for absent", () => {
  test.each([
    ["domain-list", "no-dom0"], ["xen", "no-dom0"], ["xl-configs", "host-unreadable"], ["loops", "host-unreadable"],
    ["volumes", "host-unreadable"], ["save-files", "host-unreadable"], ["disk-targets", "host-unreadable"],
    ["stored-configs", "host-unreadable"], ["xenstore-backends", "host-unreadable"], ["managers", "host-unreadable"],
  ])("%s", (name, code) => {
    const { value, diagnostics } = observe(withResult(name, { exitCode: 124, stdout: "", stderr: "timed out" }));
    expect(value).toBeUndefined();
    expect(diagnostics.filter(({ severity }) => severity === "error").map((d) => d.code)).toContain(code);
    expect(diagnostics.every(({ subject }) => subject?.host === "dom0")).toBe(true);
  });

  test("a host without LVM has no volumes, and that is known", () => {
    const readings = withResult("volumes", { exitCode: 127, stdout: "" });
    const tools = readings.results["tools"]?.stdout.replace("present lvs\n", "") ?? "";
    const { value } = observe({
      ...readings,
      results: {
        ...readings.results,
        "volume-groups": { exitCode: 127, stdout: "", stderr: "" },
        "tools": { exitCode: 0, stdout: tools, stderr: "" },
      },
    });
    expect(value?.volumes).toEqual({});
    expect(value?.images["/srv/xen/web1/disk.img"]?.on).toBeUndefined();
  });

  test("someone who is not root is told so", () => {
    const identity = labReadings().results["host-identity"]?.stdout.replace("uid=0", "uid=1000") ?? "";
    const readings = withResult("domain-list", { exitCode: 1, stdout: "", stderr: "xencall: error: Could not obtain handle" });
    const { diagnostics } = observe({
      ...readings, results: { ...readings.results, "host-identity": { exitCode: 0, stdout: identity, stderr: "" } },
    });
    expect(diagnostics.find(({ code }) => code === "no-dom0")?.summary).toBe("xl answers to root only");
  });
});

test("what can be plugged into a guest is read from libxl's own list, and its recording has no passwords", () => {
  const stdout = '/libxl/3/device/vif/0 = ""\n/libxl/3/device/vbd/51713 = ""\n/libxl/3/device/vfb/0/vnc-passwd = "geheim"\n/libxl/4/device/vif/0 = ""\n';
  const devices = (text: string): unknown => observe(withResult("guest-devices", { stdout: text })).value?.domains["web1"]?.running?.devices;
  expect(devices(stdout)).toEqual(["vbd/51713", "vif/0"]);
  const redacted = facts.guestDevices.redact?.({ exitCode: 0, stdout, stderr: "" }).stdout ?? "";
  expect(redacted).not.toContain("geheim");
  expect(devices(redacted)).toEqual(["vbd/51713", "vif/0"]);
  expect(devices("")).toBeUndefined();
});

describe("what a guest's own reboot comes up with", () => {
  const at = "userdata userdata-d.3.5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11";
  const json = '{"c_info":{"name":"web1"},"disks":[{"pdev_path":"/old","vdev":"xvda1","format":"raw","readwrite":1}]}';
  const stored = (stdout: string): ReturnType<typeof observe> => observe(withResult("stored-configs", { stdout }));

  test("is what xl config-update stored, where it did", () => {
    const { value } = stored(`${at}.libxl-json\n${json}\0\n${at}.xl\nname='web1'\ndisk=['phy:/dev/vg0/new,xvda1,w']\n\n`);
    expect(value?.domains["web1"]?.running?.stored.map(({ target }) => target)).toEqual(["/dev/vg0/new"]);
  });

  test("a guest that was started to be kept after its end is known as such, whatever is stored since", () => {
    const kept = json.replace("{", '{"on_poweroff":"preserve",');
    const { value } = stored(`${at}.libxl-json\n${kept}\0\n${at}.xl\nname='web1'\ndisk=['phy:/dev/vg0/new,xvda1,w']\n\n`);
    expect(value?.domains["web1"]?.running?.onPoweroff).toBe("preserve");
    expect(stored(`${at}.libxl-json\n${json}\0\n\n`).value?.domains["web1"]?.running?.onPoweroff).toBeUndefined();
  });

  test("is known again by its hash, and without the secrets that it has", () => {
    const hash = "ab".repeat(32);
    const stdout = `sha256 ${hash} userdata-d.3.5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11.xl\n${at}.libxl-json\n${json}\0\n${at}.xl\nname='web1'\nvncpasswd='geheim'\n\n`;
    expect(stored(stdout).value?.domains["web1"]?.running).toMatchObject({ storedByXl: true, storedHash: hash });
    const redacted = facts.storedConfigs.redact?.({ exitCode: 0, stdout, stderr: "" }).stdout ?? "";
    expect(redacted).not.toContain("geheim");
    expect(stored(redacted).value?.domains["web1"]?.running?.storedHash).toBe(hash);
    expect(stored(`${at}.libxl-json\n${json}\0\n\n`).value?.domains["web1"]?.running?.storedHash).toBeUndefined();
  });

  test("beside disks is what libxl has stored, with the cards that the guest still has, and what xl config-update did", () => {
    const cards = json.replace("{", '{"nics":[{"devid":0,"mac":"00:16:3e:00:00:01","bridge":"br0"},{"devid":1,"mac":"00:16:3e:00:00:02"}],');
    const lab = labReadings();
    const { value } = observe({
      ...lab,
      results: {
        ...lab.results, "kernel-backends": { exitCode: 0, stdout: "vif-3-0\n", stderr: "" },
        "stored-configs": { exitCode: 0, stdout: `${at}.libxl-json\n${cards}\0\n${at}.xl\nname='web1'\nmemory=64\nvif=['','']\n\n`, stderr: "" },
      },
    });
    expect(value?.domains["web1"]?.running?.settled).toMatchObject([
      { by: "libxl", settled: { cards: [{ mac: "00:16:3e:00:00:01", bridge: "br0" }] } },
      { by: "xl config-update", settled: { memoryKiB: 65536, cards: [{ ip: "" }, { ip: "" }] } },
    ]);
  });

  test("is not what an earlier guest of that number left behind", () => {
    const other = at.replace("5f1a7c52", "00000000");
    const { value, diagnostics } = stored(`${other}.libxl-json\n${json}\n\n`);
    expect(value?.domains["web1"]?.running?.stored).toEqual([]);
    expect(diagnostics).toMatchObject([{ code: "stored-config-missing", severity: "warning", subject: { domain: "web1" } }]);
  });
});

describe("guests", () => {
  const config = (files: Readonly<Record<string, string>>, auto: readonly string[] = []): Readings => {
    const paths = [...Object.keys(files), ...auto.map((path) => `/etc/xen/auto/${path.split("/").at(-1) ?? ""}`)];
    const reals = [...Object.keys(files), ...auto];
    const texts = reals.map((path) => files[path] ?? "");
    return withResult("xl-configs", {
      stdout: [
        ...paths.map((path) => `path ${path}`), ...texts.map((text) => `stat 644 1 ${Buffer.byteLength(text)}`), ...reals, "content",
        Buffer.from(texts.map((text) => `${text}\nend-of-config\n`).join("")).toString("base64"), "",
      ].join("\n"),
    });
  };

  test("two files that define one name: the one in auto is the guest's", () => {
    const { value } = observe(config({
      "/etc/xen/web1-old.cfg": "name = 'web1'\n", "/etc/xen/web1.cfg": "name = 'web1'\n",
    }, ["/etc/xen/web1.cfg"]));
    expect(value?.domains["web1"]).toMatchObject({
      config: { path: "/etc/xen/web1.cfg" }, otherConfigs: ["/etc/xen/web1-old.cfg"], autostart: true,
    });
  });

  test("a config that is broken is told, and the others are there", () => {
    const { value, diagnostics } = observe(config({ "/etc/xen/a.cfg": "name = web1\n", "/etc/xen/b.cfg": "name = 'b'\n" }));
    expect(Object.keys(value?.domains ?? {})).toEqual(["b", "web1"]);
    expect(value?.domains["web1"]?.config).toBeUndefined();
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(diagnostics.every(({ severity }) => severity === "warning")).toBe(true);
  });

  test("a file without .cfg is a config only if it reads as one", () => {
    const { value, diagnostics } = observe(config({ "/etc/xen/notes": "Call Jan.\n", "/etc/xen/db1": "name = 'db1'\n" }));
    expect(Object.keys(value?.domains ?? {})).toEqual(["db1", "web1"]);
    expect(diagnostics).toEqual([]);
  });

  test("a guest that is saved, and one with an unlucky name", () => {
    const readings = config({ "/etc/xen/p.cfg": "name = '__proto__'\n" });
    const { value } = observe({
      ...readings, results: { ...readings.results, "save-files": { exitCode: 0, stdout: "web1\ngone1\n", stderr: "" } },
    });
    expect(Object.keys(value?.domains ?? {})).toEqual(["__proto__", "gone1", "web1"]);
    expect(value?.domains["web1"]?.saved).toBe(true);
    expect(value?.domains["gone1"]).toEqual({ name: "gone1", otherConfigs: [], autostart: false, saved: true });
  });
});

describe("many guests", () => {
  const readings = manyGuests("dom0-17", 20);
  test("are all seen", () => {
    const state = stateOf(readings);
    expect(Object.keys(state.domains)).toHaveLength(20);
    expect(Object.keys(state.images)).toHaveLength(40);
    expect(state.images["/srv/xen/dom0-17-guest20/swap.img"]?.content.type).toBe("swap");
    expect(state.images["/srv/xen/dom0-17-guest7/disk.img"]?.content).toMatchObject({ type: "ext4", label: "web1-root" });
    expect(state.domains["dom0-17-guest20"]?.running?.attached[1]?.devno).toBe("7:39");
    expect(state.host.name).toBe("dom0-17");
  });

  test("take time in proportion", () => {
    const time = (count: number): number => {
      const some = manyGuests("dom0", count);
      let best = Infinity;
      for (let i = 0; i < 8; i += 1) {
        // the processor's time: a busy machine is no reason to fail
        const start = process.cpuUsage();
        observe(some);
        const { user, system } = process.cpuUsage(start);
        best = Math.min(best, (user + system) / 1000);
      }
      return best;
    };
    time(20);
    const [few, many] = [time(20), time(200)];
    expect(many).toBeLessThan(few * 40 + 20);
  });
});
