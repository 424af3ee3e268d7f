package node

import (
	"context"
	"fmt"
)

// Put stores content as the blob of this name, in a container with a SAS that
// may create and write, or one that identity opens. It is tried as often as an
// output file is.
func (m *Machine) Put(ctx context.Context, containerURL, identity, blob string, content []byte) error {
	client, err := m.containerClientFor(containerURL, identity)
	if err == nil {
		_, err = client.NewBlockBlobClient(blob).UploadBuffer(ctx, content, nil)
	}
	if err != nil {
		return fmt.Errorf("put %s into %s: %w", blob, source(containerURL), plain(err))
	}
	return nil
}
