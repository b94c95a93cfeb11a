// The server deletes a photo once it is read: this browser keeps a small copy, if it can, to draw boxes on after a reload.
const LONGEST_SIDE = 1600;

function photos(mode, action) {
	return new Promise((resolve, reject) => {
		const opening = indexedDB.open('bookstrack');
		opening.onupgradeneeded = () => opening.result.createObjectStore('photos');
		opening.onerror = reject;
		opening.onsuccess = () => {
			const asked = action(opening.result.transaction('photos', mode).objectStore('photos'));
			asked.onsuccess = () => resolve(asked.result);
			asked.onerror = reject;
		};
	});
}

async function shrink(file) {
	const bitmap = await createImageBitmap(file);
	const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
	const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width * scale, height: bitmap.height * scale });
	canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
	return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.8));
}

export async function keepPhotos(id, files) {
	const copies = await Promise.all(files.map(shrink));
	await photos('readwrite', (store) => store.put(copies, id));
}

export const loadPhotos = (id) => photos('readonly', (store) => store.get(id)).catch(() => []);

export const forgetPhotos = (id) => photos('readwrite', (store) => store.delete(id)).catch(() => {});
