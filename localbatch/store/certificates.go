package store

func scanBody(r row) (body []byte, err error) {
	err = r.Scan(&body)
	return body, err
}

// Certificate finds a certificate by its thumbprint, in any case of letters.
func (tx *Tx) Certificate(thumbprint string) (body []byte, ok bool, err error) {
	return one(tx, scanBody, "SELECT body FROM certificates WHERE thumbprint = ?", thumbprint)
}

// Certificates lists all certificates by thumbprint.
func (tx *Tx) Certificates() (bodies [][]byte, err error) {
	return all(tx, scanBody, "SELECT body FROM certificates ORDER BY thumbprint")
}

// PutCertificate adds a certificate, or writes one that is there.
func (tx *Tx) PutCertificate(thumbprint string, body []byte) error {
	return tx.exec("INSERT INTO certificates (thumbprint, body) VALUES (?, ?) ON CONFLICT (thumbprint) DO UPDATE SET body = excluded.body", thumbprint, body)
}

// DeleteCertificate removes a certificate.
func (tx *Tx) DeleteCertificate(thumbprint string) error {
	return tx.exec("DELETE FROM certificates WHERE thumbprint = ?", thumbprint)
}
