/** Photos not yet delivered, in IndexedDB, so that a closed page or an empty battery loses none. In memory where there is none. */
import type { Photo } from '../../shared/media'

export interface Kept extends Photo {
  id: string
  record: string
  item: string | null
  request: string | null
}

const DATABASE = 'yuankan-photos'
const STORE = 'photos'
const memory = new Map<string, Kept>()

async function act<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('indexedDB'))
  })
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode)
      const request = run(transaction.objectStore(STORE))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onerror = () => reject(transaction.error ?? new Error('indexedDB'))
      transaction.onabort = () => reject(transaction.error ?? new Error('indexedDB'))
    })
  } finally {
    database.close()
  }
}

export async function put(photo: Kept): Promise<void> {
  memory.set(photo.id, photo)
  await act('readwrite', (store) => store.put(photo)).catch(() => undefined)
}

export async function get(id: string): Promise<Kept | undefined> {
  return memory.get(id) ?? (await act<Kept | undefined>('readonly', (store) => store.get(id) as IDBRequest<Kept | undefined>).catch(() => undefined))
}

export async function remove(id: string): Promise<void> {
  memory.delete(id)
  await act('readwrite', (store) => store.delete(id) as IDBRequest<undefined>).catch(() => undefined)
}

export async function all(record: string): Promise<Kept[]> {
  const stored = await act<Kept[]>('readonly', (store) => store.getAll() as IDBRequest<Kept[]>).catch(() => [])
  return stored.filter((photo) => photo.record === record)
}
