"""From conversations to examples: importers, filters, the split, frozen datasets, exports."""
