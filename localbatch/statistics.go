package localbatch

import (
	"net/http"
	"slices"
	"strings"
)

// What a list or a single resource takes that Batch keeps statistics of.
// Batch collects them for half an hour and more before it shows any (Batch REST
// reference, "stats"), and never here: no resource has stats.
var (
	listWithStats = append([]string{"$expand"}, listParameters...)
	oneWithStats  = append([]string{"$expand"}, oneParameters...)
)

// checkExpand: stats is all that can be asked for.
func checkExpand(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if !slices.Contains([]string{"", "stats"}, strings.TrimSpace(name)) {
			return invalidQuery("$expand", text, "stats is all that can be expanded")
		}
	}
	return nil
}

// retired answers the operations of older versions that the service itself no
// longer has: lifetime statistics ended on 30 April 2023, usage metrics
// followed (retirement notices of the Azure/Batch repository). Which error they
// answer since is not documented.
func retired(*http.Request) (reply, error) {
	return reply{}, notFound("Resource").because("Azure Batch has retired this operation")
}
