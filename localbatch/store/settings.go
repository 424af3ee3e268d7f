package store

// Setting finds a value of the service's own by its name.
func (tx *Tx) Setting(name string) ([]byte, bool, error) {
	return one(tx, func(r row) (value []byte, err error) {
		err = r.Scan(&value)
		return value, err
	}, "SELECT value FROM settings WHERE name = ?", name)
}

// PutSetting adds a value, or replaces the one of the same name.
func (tx *Tx) PutSetting(name string, value []byte) error {
	return tx.exec("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)
}

// DeleteSetting removes a value, if it is there.
func (tx *Tx) DeleteSetting(name string) error {
	return tx.exec("DELETE FROM settings WHERE name = ?", name)
}
