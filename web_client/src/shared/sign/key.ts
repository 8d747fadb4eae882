/** The signing key's only home: IndexedDB of this browser. The private half cannot be read out, not even by this page. */

const DATABASE = 'yuankan-keys'
const STORE = 'keys'

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('indexedDB'))
  })
}

async function act<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
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

// Where a browser's private mode has no IndexedDB, the key lives as long as the page.
const held = new Map<string, CryptoKeyPair>()

/** The key of `name`, made if there is none: a page reloaded in the middle of signing goes on with the same key. */
export async function loadOrMakeKey(name: string): Promise<CryptoKeyPair> {
  const inMemory = held.get(name)
  if (inMemory) return inMemory
  try {
    const stored = (await act('readonly', (store) => store.get(name))) as CryptoKeyPair | undefined
    if (stored) return stored
  } catch {
    // judged below: the new key is then held in memory
  }
  const made = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  try {
    await act('readwrite', (store) => store.put(made, name))
  } catch {
    held.set(name, made)
  }
  return made
}

export async function dropKey(name: string): Promise<void> {
  held.delete(name)
  try {
    await act('readwrite', (store) => store.delete(name) as IDBRequest<undefined>)
  } catch {
    // nothing was stored
  }
}
