// Credo's records in memory: its own stores need a native library that is in no package registry.
import {
  InjectionSymbols, JsonTransformer, RecordDuplicateError, RecordNotFoundError, StorageUpdateService,
} from '@credo-ts/core'

class MemoryStorage {
  supportsCursorPagination = false
  #records = new Map()

  #of(type) {
    if (!this.#records.has(type)) this.#records.set(type, new Map())
    return this.#records.get(type)
  }

  async save(_, record) {
    if (this.#of(record.type).has(record.id)) {
      throw new RecordDuplicateError(`there is a record ${record.id}`, { recordType: record.type })
    }
    this.#keep(record)
  }

  async update(_, record) {
    this.#require(record.type, record.id)
    this.#keep(record)
  }

  async delete(_, record) {
    this.#require(record.type, record.id)
    this.#of(record.type).delete(record.id)
  }

  async deleteById(_, kind, id) {
    this.#require(kind.type, id)
    this.#of(kind.type).delete(id)
  }

  async getById(_, kind, id) {
    return read(kind, id, this.#require(kind.type, id))
  }

  async getAll(_, kind) {
    return this.findByQuery(_, kind, {})
  }

  async findByQuery(_, kind, query, { limit = Infinity, offset = 0 } = {}) {
    const found = []
    for (const [id, kept] of this.#of(kind.type)) {
      if (matches(kept.tags, query)) found.push([id, kept])
    }
    return found.slice(offset, offset + limit).map(([id, kept]) => read(kind, id, kept))
  }

  #keep(record) {
    record.updatedAt = new Date()
    const value = JSON.stringify(JsonTransformer.toJSON(record))
    this.#of(record.type).set(record.id, { value, tags: record.getTags() })
  }

  #require(type, id) {
    const kept = this.#of(type).get(id)
    if (!kept) throw new RecordNotFoundError(`there is no record ${id}`, { recordType: type })
    return kept
  }
}

function read(kind, id, kept) {
  const record = JsonTransformer.fromJSON(JSON.parse(kept.value), kind)
  record.id = id
  record.replaceTags(kept.tags)
  return record
}

function matches(tags, { $and, $or, $not, ...plain }) {
  if ($and && !$and.every((one) => matches(tags, one))) return false
  if ($or && !$or.some((one) => matches(tags, one))) return false
  if ($not && matches(tags, $not)) return false
  return Object.entries(plain).every(([name, wanted]) =>
    Array.isArray(wanted) ? wanted.every((one) => tags[name]?.includes(one)) : wanted === undefined || tags[name] === wanted)
}

export class MemoryStorageModule {
  register(manager) {
    manager.registerInstance(InjectionSymbols.StorageService, new MemoryStorage())
  }

  // A new store is of the present version: there is nothing in it to bring up to date.
  async initialize(context) {
    const updates = context.dependencyManager.resolve(StorageUpdateService)
    await updates.setCurrentStorageVersion(context, StorageUpdateService.frameworkStorageVersion)
  }
}
