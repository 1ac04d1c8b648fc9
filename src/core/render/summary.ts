import { formatBytes } from "../model/bytes.js";
import type { Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { DomainPlan, HostPlan } from "../model/plan.js";
import { count, formatForecast } from "./figures.js";
import { hanging } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

/** A host that was to be looked at: its plan, or why there is none. */
export type HostPreview =
  | { readonly host: string; readonly plan: HostPlan }
  | { readonly host: string; readonly unreachable: string; readonly diagnostics: readonly Diagnostic[] };

/** One line a host, and the total where there is more than one host. */
export function renderSummary(previews: readonly HostPreview[], view: View): readonly string[] {
  const nameWidth = Math.max(...previews.map((preview) => visible(preview.host).length), 0);
  const lines = previews.flatMap((preview) =>
    hanging(`  ${visible(preview.host).padEnd(nameWidth)}  `, verdict(preview, view), view.width));
  const planned = previews.flatMap((preview) => ("plan" in preview && !hasErrors(preview.plan.diagnostics) ? [preview.plan] : []));
  const total = previews.length < 2 ? [] : hanging(`  ${"total".padEnd(nameWidth)}  `, sum(planned, previews.length), view.width);
  return [view.style.heading("Summary"), ...lines, ...total];
}

/** Of hosts that were not reached, or are refused, nobody knows that there is nothing to do. */
function sum(planned: readonly HostPlan[], hosts: number): string {
  const costing = costs(planned.flatMap((plan) => plan.domains));
  if (planned.length === hosts) return costing;
  return `${planned.length} of ${count(hosts, "host")} planned${planned.length === 0 ? "" : `: ${costing}`}`;
}

function verdict(preview: HostPreview, view: View): string {
  if ("unreachable" in preview) return view.style.danger(`not reached: ${visible(preview.unreachable)}`);
  const { plan } = preview;
  if (hasErrors(plan.diagnostics)) {
    return view.style.danger(`refused: ${count(plan.diagnostics.filter((d) => d.severity === "error").length, "problem")}, see above`);
  }
  return plan.domains.length === 0 ? view.style.good("nothing to do") : costs(plan.domains);
}

function costs(domains: readonly DomainPlan[]): string {
  const joined = domains.filter((domain) => domain.joins !== undefined).length;
  if (joined > 0) {
    const others = domains.filter((domain) => domain.joins === undefined);
    return `${count(joined, "run")} under way to follow${others.length === 0 ? "" : `; ${costs(others)}`}`;
  }
  if (domains.length === 0) return "nothing to do";
  const changes = domains.flatMap((domain) => domain.changes);
  const discards = changes.flatMap((change) => (change.change === "discard-image" ? [change.image.allocatedBytes] : []));
  const forgets = changes.flatMap((change) => (change.change === "forget-runs" ? change.runs.map(({ bytes }) => bytes) : []));
  if (discards.length + forgets.length > 0) {
    const freed = [...discards, ...forgets].reduce((sum, bytes) => sum + bytes, 0);
    return `${count(domains.length, "guest")} with ${count(discards.length, "retired image")} and ${count(forgets.length, "old run")} to remove, ${formatBytes(freed)} in all, no downtime`;
  }
  const disks = domains.reduce((sum, domain) => sum + domain.changes.length, 0);
  const bytes = domains.reduce((sum, domain) => sum + domain.estimate.copyBytes, 0);
  const longest = Math.max(...domains.map((domain) => domain.estimate.downtimeSeconds));
  const down = longest === 0 ? "no downtime" : domains.length === 1 ? `down for about ${formatForecast(longest)}`
    : `each down for about ${formatForecast(longest)} or less`;
  return `${count(domains.length, "guest")} with ${count(disks, "disk")}, ${formatBytes(bytes)} to copy, ${down}`;
}
