import { cover } from './book-list.js';
import { fold } from './book.js';
import { announce, h, setText } from './dom.js';
import { server } from './server.js';
import { explain } from './words.js';

const REASONS = {
	other_book_of_number: 'has the ISBN, but another title or author',
	unsure: 'fits, and so do others',
	other_author: 'has the title, by another author',
	other_title: 'by the author, with another title',
};

/** Asks which book a book of the job is; `done` is called when one was chosen, or none of all. */
export function choose(job, book, done) {
	const { raw, index } = book;
	const given = raw.source?.title ?? raw.title;
	let leaving;
	/** A choice that is on its way is not called back: nobody could say whether it was made. */
	let sending = false;
	const problem = h('p.bad', { role: 'alert' });
	const found = h('ul.options');
	// What was taken is what most people are asked about.
	const offers = (raw.candidates ?? []).map((candidate, number) => [candidate, number]).sort(([a], [b]) => Boolean(b.isMatch) - Boolean(a.isMatch));
	const words = h('input.field.grow', { type: 'search', required: true, value: [given, ...book.authors.slice(0, 1)].join(' '), 'aria-label': 'Title, author or ISBN' });
	const dialog = h(
		'dialog.panel',
		{ 'aria-labelledby': 'which', oncancel: stay, onclose: () => (leaving.abort(), dialog.remove()) },
		h('h2', { id: 'which' }, 'Which book is it?'),
		h('p', h('cite', given || book.title), [book.authors.join(', '), raw.row && `row ${raw.row}`].filter(Boolean).map((part) => ` · ${part}`)),
		h('ul.options', offers.map(([candidate, number]) => option(candidate, { candidate: number }))),
		h('form.row', { onsubmit: search }, words, h('button.button', { type: 'submit' }, 'Search')),
		found,
		problem,
		h('div.row', h('button.button', { onclick: () => put(null) }, 'None of these'), h('button.button', { onclick: () => dialog.close() }, 'Leave it')),
	);

	function option(offer, choice) {
		const { title, authors, year, isbn, coverUrl, reason, isMatch } = offer;
		const name = isMatch ? 'This is right' : 'This one';
		const why = isMatch ? 'taken, and not for sure' : REASONS[reason];
		const line = [authors.join(', ') || 'Author unknown', year, isbn].filter(Boolean).join(' · ');
		return h(
			'li.book',
			cover({ title, authors, cover: coverUrl }),
			h('div.grow', h('p.title', title), h('p', line), why && h('p.fine', why)),
			h('button.button', { 'aria-label': `${name}: ${title}, ${line}`, onclick: () => put(choice) }, name),
		);
	}

	async function search(event) {
		event.preventDefault();
		await attempt(async () => {
			const { results, works } = await server.search(words.value, { limit: 10, signal: leaving.signal });
			// What has neither number nor key nobody could name.
			const offers = results.map((hit, i) => [{ ...hit, coverUrl: hit.cover_url, year: works[i]?.firstPublicationYear }, nameOf(hit, works[i])]).filter(([, name]) => name);
			found.replaceChildren(...offers.map(([offer, name]) => option(offer, name)));
			if (!offers.length) setText(problem, 'No catalogue knows such a book.');
			announce(`${offers.length} books`);
		}, true);
	}

	function put(choice) {
		return attempt(async () => {
			sending = true;
			announce('Saving your choice…');
			const chosen = await server.choose(job.record, index, choice).finally(() => (sending = false));
			dialog.close();
			announce(choice ? `${chosen.title}: chosen.` : 'None of these.');
			done(chosen);
		});
	}

	/** The first Escape; browsers let nobody hold up the second. */
	function stay(event) {
		if (!sending) return;
		event.preventDefault();
		announce('Still saving your choice…');
	}

	function open() {
		leaving = new AbortController();
		document.body.append(dialog);
		dialog.showModal();
	}

	/** One thing at a time; what goes wrong is said in the dialog, also when somebody has left it meanwhile. */
	async function attempt(work, isSearch) {
		const buttons = [...dialog.querySelectorAll('button')].filter(({ textContent }) => !isSearch || textContent !== 'Leave it');
		setText(problem, '');
		dialog.setAttribute('aria-busy', 'true');
		for (const button of buttons) button.disabled = true;
		try {
			await work();
		} catch (error) {
			if (!isSearch || !leaving.signal.aborted) {
				if (!dialog.open) open();
				const { title, advice } = error.kind === 'gone' ? { title: 'No catalogue knows it.', advice: '' } : explain(error);
				setText(problem, `${title} ${advice}`);
			}
		} finally {
			dialog.removeAttribute('aria-busy');
			for (const button of buttons) button.disabled = false;
		}
	}

	open();
}

/** What a choice names a hit by. A work of the same place that is called otherwise is another. */
function nameOf({ isbn, title }, work) {
	const key = work && fold(work.title) === fold(title) && work.openLibraryWorkID;
	return isbn ? { isbn } : key && { workKey: key };
}
