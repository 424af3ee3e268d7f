package localbatch

import (
	"maps"
	"slices"

	"github.com/durabatch/durabatch/localbatch/node"
)

// poolIdentity are the managed identities of a pool. It cannot be asked for:
// what the service was told that nodes have, every pool has.
type poolIdentity struct {
	Type                   string             `json:"type"`
	UserAssignedIdentities []assignedIdentity `json:"userAssignedIdentities"`
}

type assignedIdentity struct {
	ResourceID string `json:"resourceId"`
}

func identityOf(identities map[string][]node.StorageAccount) *poolIdentity {
	if len(identities) == 0 {
		return nil
	}
	shown := &poolIdentity{Type: "UserAssigned"}
	for _, id := range slices.Sorted(maps.Keys(identities)) {
		shown.UserAssignedIdentities = append(shown.UserAssignedIdentities, assignedIdentity{ResourceID: id})
	}
	return shown
}
