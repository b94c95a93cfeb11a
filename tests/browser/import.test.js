import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Browser, eventually, percent } from './browser.js';
import { assertComplete, begun, filter, finished, importing, sum } from './library.js';
import { Server, WATCHABLE } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(WATCHABLE), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

test('a library is imported before one’s eyes', async () => {
	const page = await browser.page(server);
	assert.match(await page.locator('#sandbox').textContent(), /nothing found is real/);
	await importing(page);
	await page.locator('.percent').waitFor();
	const seen = [];
	await eventually('at the end', async () => {
		if (!(await page.locator('.percent').isVisible())) return true;
		seen.push(await percent(page));
		return false;
	}, 60_000);
	assert.deepEqual(seen, seen.toSorted((a, b) => a - b), 'progress goes one way');
	assert.ok(new Set(seen).size >= 3, `steps: ${[...new Set(seen)]}`);
	await finished(page);
	await assertComplete(page);

	const [all, found, missing] = await Promise.all(['All', 'Found', 'Not found'].map((name) => sum(page, name)));
	assert.equal(found + missing, all);
	assert.match(await page.getByRole('heading', { name: /books found/ }).textContent(), new RegExp(`^${found} of ${all} `));
	await filter(page, 'Not found').click();
	const states = await page.locator('.books .state').allTextContents();
	assert.ok(states.length > 0 && states.every((state) => ['Not found', 'To review'].includes(state)), String(states));
	const downloading = page.waitForEvent('download');
	await filter(page, 'Found').click();
	await page.getByRole('button', { name: 'Download CSV' }).click();
	const csv = await readFile(await (await downloading).path(), 'utf8');
	assert.match(csv, /^\ufeffTitle,Author,/);
	assert.ok(csv.split('\r\n').length - 2 >= found);
	await page.context().close();
});

test('a reload in the middle goes on where it was, and later shows the result at once', async () => {
	const page = await browser.page(server);
	await importing(page);
	await begun(page);
	const before = await percent(page);
	await page.reload();
	await eventually('as far as before', async () => (await percent(page)) >= before);
	await finished(page);
	await assertComplete(page);
	await page.reload();
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});

test('a job is at its address in another browser, which cannot cancel it', async () => {
	const page = await browser.page(server);
	await importing(page);
	const other = await browser.page(server);
	await other.goto(page.url());
	await begun(other);
	other.on('dialog', (dialog) => dialog.accept());
	await other.getByRole('button', { name: 'Cancel' }).click();
	await other.locator('.chip', { hasText: 'Only the browser that started a job can cancel it.' }).waitFor();
	await finished(other);
	await assertComplete(other);
	await Promise.all([page.context().close(), other.context().close()]);
});

test('a job that a client of another generation made is shown at its address', async () => {
	const library = await readFile(new URL('../data/goodreads_library_export.csv', import.meta.url));
	const body = new FormData();
	body.append('file', new Blob([library], { type: 'text/csv' }), 'library.csv');
	const { data } = await (await fetch(`${server.url}/v3/jobs/imports`, { method: 'POST', body })).json();
	const page = await browser.page(server);
	await page.goto(`${server.url}/#/jobs/${data.jobId}`);
	await finished(page);
	assert.equal(await sum(page, 'All'), 767);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a network that is cut is noticed, and nothing is missed', async () => {
	const page = await browser.page(server);
	await importing(page);
	await begun(page);
	await page.route('**/api/**', (route) => route.abort('internetdisconnected'));
	await page.context().setOffline(true);
	await page.getByText(/Connection lost, trying again in \d+ s/).waitFor();
	const before = await percent(page);
	await page.unroute('**/api/**');
	await page.context().setOffline(false);
	await page.getByText('Connected again, nothing missed').waitFor();
	assert.ok((await percent(page)) >= before);
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});

test('where streams do not get through, the page asks', async () => {
	const page = await browser.page(server);
	await page.route('**/stream?*', (route) => route.abort());
	await importing(page);
	// Said still when the job is over, if that was quick.
	await page.getByText('Asking every few seconds').waitFor({ state: 'attached' });
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});

test('a canceled job stops and keeps what it found', async () => {
	const page = await browser.page(server);
	await importing(page);
	await begun(page);
	page.on('dialog', (dialog) => dialog.accept());
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.locator('.panel:visible h2').waitFor();
	assert.match(await page.locator('.panel:visible h2').textContent(), /cancel/i);
	assert.ok((await sum(page, 'All')) > 0);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('a server that is killed and restarted under the page loses nothing', async () => {
	const page = await browser.page(server);
	await importing(page);
	await begun(page);
	await server.kill();
	await page.getByText(/Connection lost, trying again in \d+ s/).waitFor();
	await server.up();
	await page.getByText('Connected again, nothing missed').waitFor();
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});
