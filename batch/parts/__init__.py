"""What is done in parts: a log cut up, tasks and who does them, the folder where the parts lie."""
