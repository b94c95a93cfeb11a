import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
// Chromium looks for nothing outside: covers and its own updates stay unasked.
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export class Browser {
	#browser;

	static async start() {
		const browser = new Browser();
		browser.#browser = await chromium.launch({ executablePath: EXECUTABLE, args: QUIET });
		return browser;
	}

	stop() {
		return this.#browser.close();
	}

	/** A page that knows nothing yet, on a screen of 1100 × 800 unless told otherwise. What goes wrong in it is in `page.problems`. */
	async page(server, options = {}) {
		const context = await this.#browser.newContext({ baseURL: server.url, viewport: { width: 1100, height: 800 }, ...options });
		// Covers would come from other machines.
		await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
		const page = await context.newPage();
		page.problems = [];
		page.on('pageerror', (error) => page.problems.push(String(error)));
		page.on('console', (message) => {
			const blocked = message.text().startsWith('Failed to load resource');
			if (message.type() === 'error' && !blocked) page.problems.push(message.text());
		});
		await page.goto('/');
		return page;
	}
}

/** What axe-core has against the page as it is: one line each. */
export async function barriers(page) {
	const { violations } = await new AxeBuilder({ page }).analyze();
	return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target} ${failureSummary}`));
}

/** Waits until `question` is answered with something true, and resolves to that. */
export async function eventually(what, question, patience = 20_000) {
	for (const end = Date.now() + patience; ; ) {
		const answer = await question();
		if (answer) return answer;
		if (Date.now() > end) throw new Error(`never ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

export const percent = async (page) => parseInt(await page.locator('.percent').textContent());
