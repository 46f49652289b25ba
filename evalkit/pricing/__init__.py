"""What arms, answers, trainings and indexes cost under the prices in force."""
