import { givenUp, volumeOf } from "../model/change.js";
import type { Change } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { Binding } from "../model/plan.js";
import { diskBytes } from "../model/storage.js";
import { redactInside } from "../xl/secrets.js";

/** What the plan of one guest was made from: what has to be the same still when it is applied. */
export function bindingsOf(domain: Domain, changes: readonly Change[], state: HostState): readonly Binding[] {
  const { config, running } = domain;
  const bindings: Binding[] = [{ what: `boot of ${state.host.name}`, is: { id: state.host.bootId } }];
  if (config !== undefined) {
    bindings.push({ what: `config ${config.path}`, is: { sha256: config.sha256, inode: config.inode } });
  }
  bindings.push({
    what: `guest ${domain.name}`,
    is: running === undefined ? { running: false } : { running: true, domid: running.domid, uuid: running.uuid },
  });
  for (const disk of running?.attached ?? []) {
    bindings.push({
      what: `attached ${domain.name}/${disk.vdev}`,
      // an address may hold a password, and plans are kept and shown
      is: {
        params: redactInside(disk.params), backend: disk.backend, devno: disk.devno ?? null,
        ...(disk.open === undefined ? {} : { open: redactInside(disk.open.path), node: disk.open.node }),
      },
    });
  }
  for (const change of changes) {
    const volume = volumeOf(change);
    if (volume === undefined) continue;
    const found = state.volumes[volume];
    bindings.push({
      what: `volume ${volume}`,
      is: found === undefined
        ? { exists: false }
        : { exists: true, uuid: found.uuid, bytes: found.bytes, tags: [...found.tags].sort().join(" ") },
    });
    if (change.change === "finish-move") {
      const given = givenUp(change, state.images);
      if (given !== undefined) bindings.push({ what: `image ${given.path}`, is: { inode: given.inode, devno: given.devno } });
      continue;
    }
    if (change.change === "finish-return" || change.change === "forget-runs") continue;
    const { image } = change;
    bindings.push({ what: `image ${image.path}`, is: { inode: image.inode, bytes: diskBytes(image), devno: image.devno } });
    const { content } = image;
    if ("uuid" in content) {
      bindings.push({ what: `file system in ${image.path}`, is: { type: content.type, uuid: content.uuid } });
    }
    const on = image.on === undefined ? undefined : state.volumes[image.on.volume];
    if (on !== undefined) bindings.push({ what: `volume ${on.name}`, is: { uuid: on.uuid, bytes: on.bytes } });
  }
  return bindings;
}

/** Names every difference between what a plan was made from and what is there now. */
export function compareBindings(
  host: string, domain: string, planned: readonly Binding[], now: readonly Binding[],
): readonly Diagnostic[] {
  const found = new Map(now.map((binding) => [binding.what, binding.is]));
  return planned.flatMap(({ what, is }): readonly Diagnostic[] => {
    const current = found.get(what);
    const differences = Object.entries(is).flatMap(([key, value]) => {
      const there = current?.[key];
      return there === value ? [] : [`${key}: was ${show(value)}, is ${show(there)}`];
    });
    if (differences.length === 0) return [];
    return [
      {
        severity: "error", code: "stale-plan", subject: { host, domain },
        summary: `${what} has changed since the plan was made`,
        detail: differences.join("\n"),
        fix: "Make a new plan with --check, and look at it again.",
      },
    ];
  });
}

function show(value: string | number | boolean | null | undefined): string {
  return value === undefined || value === null ? "nothing" : String(value);
}
