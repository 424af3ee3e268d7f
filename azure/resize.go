package azure

import "strings"

const restricted = "OperationsRestrictedByPolicy"

// adviceQuota fits every quota on cores.
const adviceQuota = "ask Azure for a higher quota for the Batch account, or use fewer or smaller nodes"

// resizeErrors are the codes of a pool's resizeErrors, which is where quotas
// on cores and a lack of machines show: the request to create or resize the
// pool has succeeded by then. Quota and capacity may clear by themselves, as
// other pools shrink; a size or a policy does not (source: Batch REST
// reference, ResizeError).
var resizeErrors = map[string]struct {
	permanent bool
	advice    string
}{
	"AccountCoreQuotaReached":            {false, adviceQuota},
	"AccountLowPriorityCoreQuotaReached": {false, adviceQuota},
	"AccountSpotCoreQuotaReached":        {false, adviceQuota},
	"AccountVMSeriesCoreQuotaReached":    {false, adviceQuota},
	"AllocationTimedOut":                 {false, "the region has no such machines right now; wait, or use another vmSize, dedicated nodes or another region"},
	"AllocationFailed":                   {false, "the region has no such machines right now; wait, or use another vmSize, dedicated nodes or another region"},
	"ResizeStopped":                      {false, "somebody stopped the resize; resize the pool again"},
	"RemoveNodesFailed":                  {false, "look at the nodes in the pool"},
	"Unknown":                            {false, "look at the pool in the Azure portal"},

	"CommunicationEnabledPoolReachedMaxVMCount": {true, "a pool whose nodes talk to each other has at most 100 nodes; use fewer"},
	"UnsupportedVMSize":                         {true, "choose a vmSize that this region and Batch offer"},
	"IncompatibleVMSize":                        {true, "choose a vmSize that runs the image: its generation and architecture must fit"},
	"OverconstrainedAllocationRequestError":     {true, "no machine satisfies all of the pool's conditions; choose another vmSize or fewer conditions"},
	"DependentResourceNotFound":                 {true, "something the pool refers to does not exist: check the image id, the network and the identities"},
	"FailedIdentityOperation":                   {true, "check that the pool's identities exist and may be used by the Batch account"},
	"DiskEncryptionFailure":                     {true, "choose a vmSize and image that support the disk encryption"},
	restricted:                                  {true, "a policy of the subscription forbids it; ask who administers it"},
}

// ResizeError says whether an error of this code in a pool's resizeErrors is
// permanent, or may clear while the pool waits, and what a person can do. A
// code that is not known may clear.
func ResizeError(code string) (permanent bool, advice string) {
	if known, ok := resizeErrors[code]; ok {
		return known.permanent, known.advice
	}
	if strings.HasPrefix(code, restricted) { // its variants have a suffix
		return true, resizeErrors[restricted].advice
	}
	return false, resizeErrors["Unknown"].advice
}
