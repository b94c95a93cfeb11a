// The sample library: how it is imported, and what must come of it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { eventually, percent } from './browser.js';

/** Imports the sample library, and shows its job. */
export async function importing(page) {
	await page.getByRole('button', { name: 'Try the sample library' }).click();
	await page.waitForURL(/#\/jobs\/[\w-]+$/);
}

export const begun = (page) => eventually('in the middle', async () => (await percent(page)) > 0);
export const finished = (page, options) => page.getByRole('heading', { name: /\d+ of \d+ books found/ }).waitFor(options);
export const filter = (page, name) => page.locator('.filters span', { hasText: new RegExp(`^${name} `) });
/** How many books a filter lets through, by what it says. */
export const sum = async (page, name) => Number(await filter(page, name).locator('b').textContent());
/** One of the figures of an ended job. */
const figure = async (page, name) => Number(await page.locator('.figures div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator('dd').textContent());

/** The whole sample library is there, each book once. */
export async function assertComplete(page) {
	const [rows, books, found, missing, duplicates, rejected] = await Promise.all(['Rows', 'Books', 'Found', 'Not found', 'Duplicates', 'Rows left out'].map((name) => figure(page, name)));
	assert.equal(rows, 300);
	assert.equal(books + duplicates + rejected, rows);
	assert.equal(found + missing, books);
	assert.equal(await sum(page, 'All'), books);
	const downloading = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Download JSON' }).click();
	const list = JSON.parse(await readFile(await (await downloading).path()));
	assert.equal(new Set(list.map(({ row }) => row)).size, books);
	assert.deepEqual(page.problems, []);
}
