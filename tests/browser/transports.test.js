import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, eventually, percent } from './browser.js';
import { assertComplete, begun, finished, importing } from './library.js';
import { Server, WATCHABLE } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(WATCHABLE), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const WAYS = [
	{ name: 'Stream', chip: 'Live' },
	{ name: 'WebSocket', chip: 'Live by WebSocket' },
	{ name: 'Polling', chip: 'Asking every few seconds' },
];

const openPanel = (page) => page.getByText('Connection', { exact: true }).click();
// A click, not a check: what is refused may be given up before one sees that it was chosen.
const choose = (page, name) => page.locator('.choices label', { hasText: new RegExp(`^${name}:`) }).locator('input').click();
const chosen = (page) => page.locator('.choices label', { has: page.locator(':checked') }).textContent();
const uses = (page, chip) => page.locator('.chip.live', { hasText: new RegExp(`^${chip}$`) }).waitFor();

/** What the panel says that a way has cost. */
async function cost(page, name) {
	const row = page.locator('.connection tbody tr', { has: page.locator('th', { hasText: new RegExp(`^${name}$`) }) });
	const [messages, bytes, latency] = await row.locator('td').allTextContents();
	return { messages: parseInt(messages.replace(/\D/g, '')), bytes: parseInt(bytes.replace(/\D/g, '')), latency };
}

/** The sockets that the page opens, each with what came over it. */
function socketsOf(page) {
	const sockets = [];
	page.on('websocket', (socket) => {
		const one = { url: socket.url(), received: [] };
		socket.on('framereceived', ({ payload }) => one.received.push(JSON.parse(payload)));
		sockets.push(one);
	});
	return sockets;
}

for (const { name, chip } of WAYS) {
	test(`${name} can be chosen, brings everything, and what it costs is shown`, async () => {
		const page = await browser.page(server);
		const sockets = socketsOf(page);
		await importing(page);
		await begun(page);
		await openPanel(page);
		await choose(page, name);
		await uses(page, chip);
		const before = await cost(page, name);
		const progress = await percent(page);
		if (name === 'WebSocket') {
			await eventually('the end is told', () => sockets[0].received.at(-1)?.type === 'job_complete');
			// The server would close the socket by itself after 10 s.
			await finished(page, { timeout: 5_000 });
		}
		await finished(page);
		await assertComplete(page);
		const { messages, bytes, latency } = await cost(page, name);
		assert.ok(messages > before.messages && bytes > before.bytes, `${messages} messages, ${bytes} bytes`);
		assert.ok(bytes > messages * 20, `${bytes} bytes of ${messages} messages`);
		assert.match(latency, /^\d+ ms$/);
		assert.ok(progress < 100);
		if (name === 'WebSocket') {
			const [{ url, received }] = sockets;
			assert.match(url, /^ws:.*\/ws\/progress\?jobId=[^&]+&schema=2\.0\.0$/);
			assert.equal(received.at(-1).type, 'job_complete');
		} else {
			assert.equal(sockets.length, 0);
		}
		await page.context().close();
	});
}

test('ways can be changed in the middle, forth and back, and nothing is lost', async () => {
	const page = await browser.page(server);
	await importing(page);
	await begun(page);
	await openPanel(page);
	const seen = [await percent(page)];
	for (const name of ['WebSocket', 'Polling', 'Stream', 'WebSocket', 'Stream']) {
		await choose(page, name);
		await uses(page, WAYS.find((way) => way.name === name).chip);
		seen.push(await percent(page));
	}
	assert.deepEqual(seen, seen.toSorted((a, b) => a - b), 'progress goes one way');
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});

test('a WebSocket that is refused is replaced by the stream, and the page says so', async () => {
	const page = await browser.page(server);
	await page.routeWebSocket('**/ws/progress?*', (socket) => socket.close({ code: 1011 }));
	await importing(page);
	await openPanel(page);
	await choose(page, 'WebSocket');
	await page.getByText('The WebSocket was refused: the stream is used instead.').waitFor();
	await eventually('the choice is shown as it is', async () => (await chosen(page)).startsWith('Automatic'));
	await finished(page);
	await assertComplete(page);
	await page.context().close();
});

test('a server that is killed and restarted under a WebSocket loses nothing', async () => {
	const page = await browser.page(server);
	const sockets = socketsOf(page);
	await importing(page);
	await openPanel(page);
	await choose(page, 'WebSocket');
	await uses(page, 'Live by WebSocket');
	await begun(page);
	await server.kill();
	await page.getByText(/Connection lost, trying again in \d+ s/).waitFor();
	await server.up();
	await page.getByText('Connected again, nothing missed').waitFor();
	await finished(page);
	await assertComplete(page);
	assert.ok(sockets.length >= 1);
	await page.context().close();
});
