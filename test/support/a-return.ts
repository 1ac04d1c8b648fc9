import type { ReturnWish } from "../../src/core/diff/diff-return.js";
import type { Domain } from "../../src/core/model/domain.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Image, Volume } from "../../src/core/model/storage.js";
import { attachedAs } from "../../src/core/model/guest.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { HostPlan, PlanNode } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { planReturn } from "../../src/core/plan/plan-return.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import { editDisks } from "../../src/core/xl/edit.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import type { ADisk } from "./a-host.js";
import { aHost, aWish, MIB, sha256, swap } from "./a-host.js";

/** Hosts whose guest web1 was moved a while ago, and the wish that it goes back. */

export const VOLUME = "vg0/web1-xvda1";
export const IMAGE = "/srv/xen/web1/xvda1.img";
export const MOVED_AT = 1_795_000_000;

const DISKS = { xvda1: { bytes: 512 * MIB }, xvda2: { bytes: 64 * MIB, content: swap("u", 64 * MIB) } };

export function ended(nodes: readonly PlanNode[], state: HostState): HostState {
  const simulated = simulate(nodes, startModel(state));
  if (!simulated.ok) throw new Error(simulated.why);
  return simulated.end.host;
}

/** As the move leaves it, with the books of that run. */
export function movedHost(
  options: MoveOptions = {}, guest: { readonly running?: boolean; readonly qdisk?: boolean; readonly disks?: Readonly<Record<string, ADisk>> } = {},
): HostState {
  const disks = guest.disks ?? DISKS;
  const state = aHost([{ name: "web1", ...guest, disks }]);
  const { domains: [plan], diagnostics } = planHost(state, [aWish("web1", Object.keys(disks), options)], sha256);
  if (plan === undefined) throw new Error(diagnostics.map((one) => one.summary).join("\n"));
  const volumes = Object.keys(disks).map((vdev) => `vg0/web1-${vdev}`);
  return asWritten({ ...ended(plan.nodes, state), commits: [{ domain: "web1", run: "one", at: MOVED_AT, volumes }] });
}

/** Not every step of the model writes the config's text anew: here it gets the one that goes with its disks. */
function asWritten(state: HostState): HostState {
  const guest = guestOf(state);
  if (guest.config === undefined || sha256(guest.config.text.text) === guest.config.sha256) return state;
  const { config } = guest;
  const text = editDisks(config.text, config.disks.map(({ vdev, target }) => ({ vdev, device: target }))).value?.after.text;
  if (text === undefined || sha256(text) !== config.sha256) throw new Error("not what an edit makes of it");
  return withGuest(state, { ...guest, config: { ...config, text: { ...config.text, text } } });
}

export function backWish(more: Partial<ReturnWish> = {}): ReturnWish {
  return { domain: "web1", disks: [], removeVolume: false, move: {}, at: aWish("web1", []).at, ...more };
}

export function plannedBack(state: HostState, more: Partial<ReturnWish> = {}): HostPlan {
  return planReturn(state, backWish(more), sha256);
}

export function stepIds({ domains }: HostPlan): readonly string[] {
  return domains.flatMap(({ nodes }) => stepsOf(nodes).map(({ id }) => id));
}

export function complaints({ diagnostics }: HostPlan): readonly string[] {
  return diagnostics.map(({ severity, code }) => `${severity}[${code}]`);
}

export function guestOf({ domains }: HostState, name = "web1"): Domain {
  const found = domains[name];
  if (found === undefined) throw new Error(`no guest ${name}`);
  return found;
}

export function volumeOf({ volumes }: HostState, name = VOLUME): Volume {
  const found = volumes[name];
  if (found === undefined) throw new Error(`no volume ${name}`);
  return found;
}

export function imageOf({ images }: HostState, path = IMAGE): Image {
  const found = images[path];
  if (found === undefined) throw new Error(`no image ${path}`);
  return found;
}

export function withGuest(state: HostState, domain: Domain): HostState {
  return { ...state, domains: { ...state.domains, [domain.name]: domain } };
}

export function withVolume(state: HostState, volume: Volume): HostState {
  return { ...state, volumes: { ...state.volumes, [volume.name]: volume } };
}

export function withImage(state: HostState, image: Image): HostState {
  return { ...state, images: { ...state.images, [image.path]: image } };
}

/** The guest shut down. */
export function down(state: HostState, name = "web1"): HostState {
  const { running: _running, ...rest } = guestOf(state, name);
  return withGuest(state, rest);
}

/** The guest started anew from its config. */
export function restarted(state: HostState): HostState {
  const guest = guestOf(state);
  if (guest.running === undefined || guest.config === undefined) throw new Error("it does not run");
  const { qemu: _qemu, ...running } = guest.running;
  const { disks } = guest.config;
  const attached = disks.map((disk) => attachedAs(disk, state));
  return withGuest(state, { ...guest, running: { ...running, domid: running.domid + 8, stored: disks, attached } });
}

/** Somebody has edited the guest's config by hand. */
export function withConfigText(state: HostState, edit: (text: string) => string): HostState {
  const guest = guestOf(state);
  if (guest.config === undefined) throw new Error("it has no config");
  const { path, inode, mode, text: { text } } = guest.config;
  const edited = edit(text);
  const config = readDomainConfig(path, { file: path, text: edited }, sha256(edited), inode, mode).value;
  if (config === undefined) throw new Error(`it does not parse: ${edited}`);
  return withGuest(state, { ...guest, config });
}
