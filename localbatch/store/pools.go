package store

// Pool is a row of a pool.
type Pool struct {
	Key  int64
	ID   string
	Body []byte // the service's JSON
}

func scanPool(r row) (Pool, error) {
	var p Pool
	err := r.Scan(&p.Key, &p.ID, &p.Body)
	return p, err
}

// Pool finds a pool by its id, in any case of letters.
func (tx *Tx) Pool(id string) (Pool, bool, error) {
	return one(tx, scanPool, "SELECT key, id, body FROM pools WHERE id = ?", id)
}

// PoolByKey finds a pool by its key.
func (tx *Tx) PoolByKey(key int64) (Pool, bool, error) {
	return one(tx, scanPool, "SELECT key, id, body FROM pools WHERE key = ?", key)
}

// Pools lists all pools by id.
func (tx *Tx) Pools() ([]Pool, error) {
	return all(tx, scanPool, "SELECT key, id, body FROM pools ORDER BY id")
}

// CountPools says how many pools there are.
func (tx *Tx) CountPools() (int, error) { return tx.count("SELECT count(*) FROM pools") }

// InsertPool adds p and returns its key.
func (tx *Tx) InsertPool(p Pool) (int64, error) {
	return tx.insert("INSERT INTO pools (id, body) VALUES (?, ?)", p.ID, p.Body)
}

// UpdatePool writes p's body.
func (tx *Tx) UpdatePool(p Pool) error {
	return tx.exec("UPDATE pools SET body = ? WHERE key = ?", p.Body, p.Key)
}

// DeletePool removes a pool that has no nodes any more, and its samples.
func (tx *Tx) DeletePool(key int64) error {
	if err := tx.exec("DELETE FROM samples WHERE pool = ?", key); err != nil {
		return err
	}
	return tx.exec("DELETE FROM pools WHERE key = ?", key)
}
