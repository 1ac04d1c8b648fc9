import { afterAll, beforeAll, expect, test } from 'vitest';
import { acks, checkRecords, startGuest, stopGuest, waitForConsole } from './lab-guests.js';
import { Lab } from './lab.js';

// The lab itself: if this fails, no other test of the lab says anything about converge.
let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up({ name: 'self-test' });
}, 1_200_000);
afterAll(async () => {
  await lab.down();
});

test('a record writer starts, answers on its port, stops, and its disk holds what was acknowledged', async () => {
  await startGuest(lab, 'web1');
  await waitForConsole(lab, 'web1', '\\] ack 20$');
  expect((await lab.run(['nc', '-w', '5', '10.77.0.11', '22'])).stdout).toBe('web1');
  await stopGuest(lab, 'web1');
  expect((await acks(lab, 'web1')).highest).toBeGreaterThanOrEqual(20);
  expect(await checkRecords(lab, '/srv/xen/web1/disk.img', 'web1')).toMatch(/^ok records=\d+ acked=\d+$/);
}, 900_000);

test('after a power cut in the middle of writing, every acknowledged record is there', async () => {
  await lab.run('rm /etc/xen/auto/* && sync');
  await startGuest(lab, 'web1');
  const seen = (await acks(lab, 'web1')).highest + 20;
  await waitForConsole(lab, 'web1', `\\] ack ${String(seen)}$`);
  await lab.powerCut();
  await lab.boot();
  expect(await checkRecords(lab, '/srv/xen/web1/disk.img', 'web1', seen)).toMatch(/^ok/);
}, 900_000);
