exports.sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);
