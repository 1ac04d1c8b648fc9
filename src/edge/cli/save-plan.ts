import { beginsAsSavedPlan, writeSavedPlan } from "../../core/plan/saved.js";
import { sha256, wishesBehind } from "../run/plan-target.js";
import type { Preview } from "../run/preview.js";
import { EXIT } from "./exit-code.js";
import { refusal } from "./failure.js";
import { toolVersion } from "./version.js";
import type { Work } from "./work.js";
import { refuseUnless, writePrivate } from "./write-private.js";

/** Refuses to write a plan over anything that is no plan: before a host is looked at. A playbook is easily named twice. */
export function refuseOverwrite(file: string): void {
  refuseUnless(file, beginsAsSavedPlan, "no saved plan: --out");
}

/** Writes a plan for later, readable by its owner alone: it tells a good deal about the hosts. */
export function savePlan(file: string, previews: readonly Preview[], work: Work, playbooks: readonly string[]): void {
  const joins = previews.flatMap((preview) => ("plan" in preview ? preview.plan.domains.filter((domain) => domain.joins !== undefined) : []));
  if (joins.length > 0) {
    throw refusal("run-under-way", `a run has ${joins.map(({ domain }) => domain).join(", ")}: there is no plan to be saved`, "Wait until it is over.", EXIT.refused);
  }
  const hosts = previews.flatMap((preview) => {
    if (!("plan" in preview) || preview.wishes === undefined || preview.state === undefined || preview.plan.domains.length === 0) return [];
    const { connection } = preview.target;
    const { domains } = preview.plan;
    return [{ host: preview.host, connection, history: preview.state.history, desired: wishesBehind(preview.plan, preview.wishes), domains }];
  });
  const text = writeSavedPlan({ tool: toolVersion(), playbooks, batches: work.batches, hosts }, sha256);
  writePrivate(file, text);
}
