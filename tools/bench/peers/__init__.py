"""Hot paths beside the loops of public code, with the same results: memory tables, the evaluation of full frames."""
