// An app on an origin of its own, with the TypeScript package: what it asks with must get through the browser's checks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Browser } from './browser.js';
import { Server, WATCHABLE } from './server.js';

const PACKAGE = new URL('../../clients/typescript/src/', import.meta.url);
const EMPTY = '<!doctype html><link rel="icon" href="data:,"><title>An app</title>';

let server, app, browser;
before(async () => {
	app = createServer(async ({ url }, response) => {
		const [, module] = url.match(/^\/([a-z]+\.js)$/) ?? [];
		response.setHeader('Content-Type', module ? 'text/javascript' : 'text/html');
		response.end(module ? await readFile(new URL(module, PACKAGE)) : EMPTY);
	}).listen(0, '127.0.0.1');
	await once(app, 'listening');
	app.url = `http://127.0.0.1:${app.address().port}`;
	[server, browser] = await Promise.all([Server.start(WATCHABLE), Browser.start()]);
});
after(() => Promise.all([server?.stop(), browser?.stop(), app?.close()]));

for (const mode of ['poll', 'sse']) {
	test(`a library is imported and followed from another origin, by ${mode}`, async () => {
		const page = await browser.page(app);
		const csv = `Werk,Von\n${Array.from({ length: 60 }, (_, at) => `Book ${at},Nobody ${at}\n`).join('')}`;
		const seen = await page.evaluate(
			async ({ api, csv, mode }) => {
				const { BookstrackClient } = await import('/index.js');
				const client = new BookstrackClient(api, { mode, timing: { poll: 100 } });
				const job = await client.submit({ csv, mapping: { Werk: 'title', Von: 'author' } }, { clientRef: 'tab 7' });
				const updates = [];
				for await (const { type, ...update } of client.updates(job)) updates.push({ type, ...update });
				const results = await client.results(job);
				return { types: updates.map(({ type, transport }) => transport ?? type), books: results.books.length };
			},
			{ api: server.url, csv, mode },
		);
		assert.equal(seen.books, 60);
		assert.ok(seen.types.includes(mode), seen.types);
		assert.ok(seen.types.filter((type) => type === 'progress').length > 1, seen.types);
		assert.deepEqual(page.problems, []);
		await page.context().close();
	});
}
