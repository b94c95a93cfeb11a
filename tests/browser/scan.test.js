import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser, eventually } from './browser.js';
import { Server, WITHOUT_KEY } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

/** How much of the smaller of two boxes is in the other. */
function overlap(a, b) {
	const side = (from, to) => Math.max(0, Math.min(a[to], b[to]) - Math.max(a[from], b[from]));
	const area = (box) => (box.x2 - box.x1) * (box.y2 - box.y1);
	return (side('x1', 'x2') * side('y1', 'y2')) / Math.min(area(a), area(b));
}

test('thirteen books stand on the sample shelf, each in its box', async () => {
	const page = await browser.page(server);
	await page.getByRole('button', { name: 'Try the sample shelf' }).click();
	await page.getByRole('heading', { name: '13 books found' }).waitFor();
	const rects = page.locator('.frame rect');
	await eventually('13 boxes', async () => (await rects.count()) === 13);
	assert.equal(await page.locator('.books .book').count(), 13);
	const photo = await page.locator('.frame img').boundingBox();
	const boxes = await Promise.all((await rects.all()).map((rect) => rect.boundingBox()));
	const corners = boxes.map(({ x, y, width, height }) => ({ x1: x, y1: y, x2: x + width, y2: y + height }));
	for (const [index, box] of corners.entries()) {
		assert.ok(box.x1 >= photo.x - 4 && box.x2 <= photo.x + photo.width + 4, `box ${index} is on the photo`);
		assert.ok(box.y1 >= photo.y - 4 && box.y2 <= photo.y + photo.height + 4, `box ${index} is on the photo`);
		for (const other of corners.slice(0, index)) assert.ok(overlap(box, other) < 0.5, 'books stand beside each other');
	}

	// List and photo point at the same book.
	await page.locator('.books .book').nth(4).hover();
	assert.equal(await page.locator('.frame rect.pointed').count(), 1);
	assert.equal(await page.locator('.labels .pointed').textContent(), '5');
	await rects.nth(2).click();
	assert.equal(await page.locator('.book.pointed').getAttribute('data-index'), '2');

	// The photo is gone from the server; this browser has kept it.
	await page.reload();
	await page.locator('.frame img').waitFor();
	await eventually('13 boxes', async () => (await rects.count()) === 13);
	assert.deepEqual(page.problems, []);
	await page.context().close();
});

test('what counts as unsure is what the server is configured to', async () => {
	const strict = await Server.start({ variables: { confidence_threshold: '0.9' } });
	try {
		const page = await browser.page(strict);
		const unsure = page.locator('.books .state.review');
		await page.getByRole('button', { name: 'Try the sample shelf' }).click();
		await page.getByRole('heading', { name: '13 books found' }).waitFor();
		const confidences = (await page.locator('.books .book').allTextContents()).map((text) => Number(text.match(/(\d+)% sure/)[1]));
		const expected = confidences.filter((percent) => percent < 90).length;
		assert.ok(expected > 0 && expected < 13, String(confidences));
		assert.equal(await unsure.count(), expected);
		await page.context().close();
	} finally {
		await strict.stop();
	}
});

test('five photos make a scan, six make two', async () => {
	const page = await browser.page(server);
	const shelf = Buffer.from(await (await fetch(`${server.url}/sandbox/shelf.jpg`)).arrayBuffer());
	const files = Array.from({ length: 6 }, (_, n) => ({ name: `shelf-${n}.jpg`, mimeType: 'image/jpeg', buffer: shelf }));
	await page.locator('#pick').setInputFiles(files);
	const done = page.locator('.cards .card', { hasText: '13 books found' });
	await eventually('both done', async () => (await done.count()) === 2);
	await page.context().close();
});

test('a scan of which no photo could be looked at says what can be done about each', async () => {
	// No model answers, and nothing is read here.
	const nowhere = 'http://127.0.0.1:1';
	const variables = { gemini_base_url: nowhere, openai_base_url: nowhere, spines: 'false' };
	const blind = await Server.start({ variables });
	try {
		const page = await browser.page(blind);
		await page.getByRole('button', { name: 'Try the sample shelf' }).click();
		// The page has photos kept.
		await page.getByRole('button', { name: 'Try the photo again' }).waitFor();
		assert.equal(await page.getByText('send it again').count(), 0);
		await page.reload();
		await page.getByRole('button', { name: 'Try the photo again' }).waitFor();
		const first = page.url();

		// One that somebody else has sent is not.
		const form = new FormData();
		form.append('photos', new Blob([await readFile(new URL('../../components/status/sandbox/shelf.jpg', import.meta.url))], { type: 'image/jpeg' }), 'shelf.jpg');
		const { data } = await (await fetch(`${blind.url}/api/batch-scan`, { method: 'POST', body: form })).json();
		await page.goto(`${blind.url}/#/jobs/${data.jobId}`);
		await page.getByText('The books on photo 1 are not known: send it again.').waitFor();
		assert.equal(await page.getByRole('button', { name: 'Try the photo again' }).count(), 0);

		// Now there is a model.
		await blind.kill();
		await blind.up({});
		await page.goto(first);
		await page.getByRole('button', { name: 'Try the photo again' }).click();
		await page.getByRole('heading', { name: '13 books found' }).waitFor();
		await page.context().close();
	} finally {
		await blind.stop();
	}
});

test('without a key the spines are read here, and what names no book is chosen from candidates', async () => {
	const alone = await Server.start(WITHOUT_KEY);
	try {
		const page = await browser.page(alone);
		await page.getByText('Spines are read here, no AI service is asked').waitFor();
		await page.locator('#pick').setInputFiles(fileURLToPath(new URL('../data/bookshelf-13.jpg', import.meta.url)));
		await page.getByText('Read here, no AI service asked.').waitFor({ timeout: 120_000 });
		const books = page.locator('.books .book');
		const rects = page.locator('.frame rect');
		await eventually('a box for each', async () => (await rects.count()) === (await books.count()));
		const found = page.locator('.books .state.found');
		const known = await found.count();
		assert.ok(known >= 3, `${known} books are known`);

		await page.locator('.book', { has: page.locator('.state.review') }).first().getByRole('button', { name: /^Choose/ }).click();
		const dialog = page.getByRole('dialog', { name: 'Which book is it?' });
		await dialog.getByRole('button', { name: /^This one:/ }).first().click();
		await dialog.waitFor({ state: 'detached' });
		await eventually('one more is known', async () => (await found.count()) === known + 1);
		assert.deepEqual(page.problems, []);
		await page.context().close();
	} finally {
		await alone.stop();
	}
});
