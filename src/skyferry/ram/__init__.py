"""Who calls and what they may do: identities, policies, conditions. Knows no HTTP, no SQL, no operation."""
