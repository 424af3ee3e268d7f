package store

import "database/sql"

// Preparation is what a job's preparation and release tasks have come to on a
// node. It outlives the node, as the job's tasks do.
type Preparation struct {
	Job, Node      int64
	PoolID, NodeID string
	Process        string // of the one that runs now
	FilesUntil     Time   // when the first of their directories is removed; 0: there is none
	Body           []byte // the service's JSON
}

const preparationColumns = "job, node, pool_id, node_id, process, files_until, body"

func scanPreparation(r row) (Preparation, error) {
	var p Preparation
	var filesUntil sql.Null[Time]
	err := r.Scan(&p.Job, &p.Node, &p.PoolID, &p.NodeID, &p.Process, &filesUntil, &p.Body)
	p.FilesUntil = filesUntil.V
	return p, err
}

// Preparation finds the preparation of a node for a job.
func (tx *Tx) Preparation(job, node int64) (Preparation, bool, error) {
	return one(tx, scanPreparation, "SELECT "+preparationColumns+" FROM preparations WHERE job = ? AND node = ?", job, node)
}

// Preparations lists those of a job.
func (tx *Tx) Preparations(job int64) ([]Preparation, error) {
	return all(tx, scanPreparation, "SELECT "+preparationColumns+" FROM preparations WHERE job = ? ORDER BY node_id", job)
}

// PreparationsOfNode lists those of a node, for whatever jobs.
func (tx *Tx) PreparationsOfNode(node int64) ([]Preparation, error) {
	return all(tx, scanPreparation, "SELECT "+preparationColumns+" FROM preparations WHERE node = ? ORDER BY job", node)
}

// PreparationsWithProcess lists those of which a task runs.
func (tx *Tx) PreparationsWithProcess() ([]Preparation, error) {
	return all(tx, scanPreparation, "SELECT "+preparationColumns+" FROM preparations WHERE process <> '' ORDER BY job, node")
}

// PreparationsWithFiles lists at most limit preparations of completed jobs of
// which a directory is still there, those of which one is removed first leading.
func (tx *Tx) PreparationsWithFiles(limit int) ([]Preparation, error) {
	return all(tx, scanPreparation, "SELECT "+preparationColumns+` FROM preparations
		WHERE files_until IS NOT NULL AND (SELECT state FROM jobs WHERE key = preparations.job) = 'completed'
		ORDER BY files_until LIMIT ?`, limit)
}

// PutPreparation adds p, or replaces what there is of its job and node.
func (tx *Tx) PutPreparation(p Preparation) error {
	return tx.exec("INSERT OR REPLACE INTO preparations ("+preparationColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		p.Job, p.Node, p.PoolID, p.NodeID, p.Process, null(p.FilesUntil), p.Body)
}

// SetPreparationProcess records the process of a preparation or release task.
func (tx *Tx) SetPreparationProcess(job, node int64, process string) error {
	return tx.exec("UPDATE preparations SET process = ? WHERE job = ? AND node = ?", process, job, node)
}

// DeletePreparation removes the preparation of a node for a job.
func (tx *Tx) DeletePreparation(job, node int64) error {
	return tx.exec("DELETE FROM preparations WHERE job = ? AND node = ?", job, node)
}
