import { h, setText, svg } from './dom.js';
import { loadPhotos } from './photos.js';

/** The photos of a scan with a numbered box around every book found, in step with the list. */
export function shelfPhotos(job, onpoint, onpick) {
	const element = h('div.photos');
	const urls = [];
	let figures, boxes, drawn, edition;

	function restart() {
		figures = [];
		boxes = [];
		drawn = 0;
		edition = job.edition;
	}

	function figure(index) {
		if (!figures[index]) {
			const boxes = svg('svg', { viewBox: '0 0 1 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
			const labels = h('div.labels', { 'aria-hidden': 'true' });
			const caption = h('figcaption.fine');
			const frame = h('div.frame', urls[index] && h('img', { src: urls[index], alt: `Photo ${index + 1} of the shelf` }), boxes, labels);
			figures[index] = { element: h('figure', frame, caption), boxes, labels, caption };
			element.replaceChildren(...figures.filter(Boolean).map(({ element }) => element));
		}
		return figures[index];
	}

	function outline({ index, box, photo, state }) {
		const { x1, y1, x2, y2 } = box ?? {};
		// A box as large as the photo says that the place is not known.
		if (!((x2 - x1) * (y2 - y1) < 0.98)) return;
		const { boxes: overlay, labels } = figure(photo);
		const rect = svg('rect', {
			...{ class: state, x: x1, y: y1, width: x2 - x1, height: y2 - y1 },
			...{ onclick: () => onpick(index), onpointerenter: () => onpoint(index), onpointerleave: () => onpoint(null) },
		});
		const label = h('span', index + 1);
		label.style.left = `${(x1 + x2) * 50}%`;
		label.style.top = `${(y1 + y2) * 50}%`;
		overlay.append(rect);
		labels.append(label);
		boxes[index] = [rect, label];
	}

	function render() {
		if (edition !== job.edition) restart();
		urls.forEach((_, index) => figure(index));
		for (; drawn < job.books.length; drawn += 1) outline(job.books[drawn]);
		figures.forEach(({ boxes, caption }, index) => {
			const count = boxes.childElementCount;
			const failed = job.results?.photos?.some((photo) => photo.index === index && photo.status !== 'complete');
			const found = failed ? 'could not be read' : count || job.over ? `${count} ${count === 1 ? 'book' : 'books'}` : 'looking for books…';
			const absent = urls[index] ? '' : '. The photo itself stays in the browser that sent it.';
			setText(caption, `Photo ${index + 1}: ${found}${absent}`);
		});
	}

	(job.files ? Promise.resolve(job.files) : loadPhotos(job.record.id)).then((photos = []) => {
		for (const photo of photos) urls.push(URL.createObjectURL(photo));
		restart();
		render();
	});
	restart();

	return {
		element,
		render,
		close: () => urls.forEach((url) => URL.revokeObjectURL(url)),
		point: (index) => boxes.forEach((parts, at) => parts.forEach((part) => part.classList.toggle('pointed', at === index))),
	};
}
