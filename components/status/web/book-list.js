import { fold } from './book.js';
import { h, setText } from './dom.js';

// 10,000 books would make 100,000 elements: rows are made only as far as somebody has scrolled.
const STEP = 60;

const collator = new Intl.Collator(undefined, { numeric: true });
const by = (text) => (a, b) => collator.compare(text(a), text(b));
/** What a list can be ordered by; numbers from the newest. */
const ORDERS = {
	title: by(({ title }) => title.replace(/^(the|a|an) /i, '')),
	author: by(({ authors: [first = ''] }) => (first ? surname(first) : '\uffff')),
	year: (a, b) => (b.year ?? -Infinity) - (a.year ?? -Infinity),
};

/**
 * The books that a filter lets through. Those of scans are numbered like their boxes; `onpoint` is told which one is pointed
 * at, `onchoose` which one somebody wants to say more about.
 */
export function bookList(job, onpoint, onchoose) {
	const list = h('ol.books', { 'aria-label': 'Books' });
	const empty = h('p.soft', 'None.');
	const more = h('button.button', { onclick: grow });
	const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && grow(), { rootMargin: '1000px' });
	const rowOf = (index) => list.querySelector(`[data-index="${index}"]`);
	let filter = 'all';
	let order = '';
	/** Those that a book must have, in any order. */
	let words = [];
	let edition = 0;
	let limit = STEP;

	function matching() {
		const books = job.books.filter((book) => book.shownBy.includes(filter) && words.every((word) => book.text.includes(word)));
		return order ? books.sort(ORDERS[order]) : books;
	}

	function restart() {
		limit = STEP;
		list.replaceChildren();
		render();
	}

	function grow() {
		limit += 2 * STEP;
		render();
	}

	function render() {
		if (edition !== job.edition) list.replaceChildren();
		edition = job.edition;
		list.classList.toggle('choosing', job.choosable);
		const books = matching();
		list.append(...books.slice(list.children.length, limit).map((book) => row(book, onpoint, onchoose)));
		empty.hidden = books.length || !job.books.length;
		more.hidden = books.length <= limit;
		setText(more, `Show more (${limit} of ${books.length} shown)`);
		// An observer tells only of changes: a button still in sight must be looked at anew.
		observer.disconnect();
		if (!more.hidden) observer.observe(more);
	}

	return {
		element: h('div', list, empty, more),
		render,
		close: () => observer.disconnect(),
		matching,
		show(name) {
			filter = name;
			restart();
		},
		search(text) {
			words = fold(text).split(/\s+/).map((word) => (/^[\d-]+x?$/.test(word) ? word.replaceAll('-', '') : word));
			restart();
		},
		sort(name) {
			order = name;
			restart();
		},
		point(index) {
			list.querySelector('.pointed')?.classList.remove('pointed');
			rowOf(index)?.classList.add('pointed');
		},
		reveal: (index) => rowOf(index)?.querySelector('.number').focus(),
		/** After a choice: the same button, if it is still there. */
		refocus: (index) => rowOf(index)?.querySelector('.choose')?.focus(),
	};
}

function row(book, onpoint, onchoose) {
	const { index, title, authors, year, publisher, isbn, label, state, confidence } = book;
	const sure = confidence >= 0 && `${Math.round(confidence * 100)}% sure`;
	const line = (...parts) => parts.filter(Boolean).join(' · ');
	const point = () => onpoint?.(index);
	return h(
		'li.book',
		{ 'data-index': index, onpointerenter: point, onfocusin: point },
		cover(book),
		h('div.grow', h('p.title', title), h('p', line(authors.join(', ') || 'Author unknown', year)), h('p.fine', line(publisher, isbn, sure))),
		h('div.end', h(`span.state.${state}`, label), (state !== 'found' || book.raw.choice) && h('button.button.choose', { 'aria-label': `Choose which book ${title} is`, onclick: () => onchoose(book) }, 'Choose')),
		onpoint && h('button.button.number', { 'aria-label': `${index + 1}: show ${title} on the photo`, onclick: point }, index + 1),
	);
}

/** A family name as a spine shows it, with what belongs to it: "Vonnegut Jr.", "Du Bois", "van der Post", "Le Guin". */
function surname(name = '') {
	const words = name.split(' ').filter(Boolean);
	let at = words.length - 1;
	while (at > 0 && /^(jr|sr|[ivx]+|ph\.?d|m\.?d|esq)[.,]*$/i.test(words[at]) && words[at].length < 6) at -= 1;
	while (at > 1 && /^(af|al|bin|da|das|de|del|della|den|der|di|dos|du|el|ibn|la|las|le|los|mac|saint|san|st\.?|ten|ter|van|von|vom|zu|zur)$/i.test(words[at - 1])) at -= 1;
	return words.slice(at).join(' ').replace(/,(?= )/, '');
}

/** A drawn cover in a cloth of its own, and the real one over it once that is there. */
export function cover({ title, authors, cover: url }) {
	const drawn = h('div.cover', { 'aria-hidden': 'true' }, h('span', title), h('small', surname(authors[0])));
	let hash = 7;
	for (const letter of title) hash = (hash * 31 + letter.codePointAt()) % 65_521;
	drawn.style.setProperty('--hue', (hash % 24) * 15);
	if (url) {
		const img = h('img', { loading: 'lazy', alt: '', referrerpolicy: 'no-referrer' });
		// Open Library answers one pixel when it has no cover.
		img.onload = () => img.classList.toggle('loaded', img.naturalWidth > 20);
		img.src = url;
		drawn.append(img);
	}
	return drawn;
}
